"""The AI-BOM: everything that went into a model, who says so, and what follows from it. See docs/bom.md."""
