"""The database, its queries by noun, and the files."""
