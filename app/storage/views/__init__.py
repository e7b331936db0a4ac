"""Read-only queries that pages and the API need: each answers one question in a fixed number of statements."""
