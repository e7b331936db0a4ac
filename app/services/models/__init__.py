"""Files of networks: found, fetched, imported, checked and chosen."""
