"""How people and programs reach Assaymark."""
