"""R's serialized objects (`.rds`, `.RData`): what is in them that R runs, without R."""
