"""What an audit finds: `assay deps audit` gives these their views."""
