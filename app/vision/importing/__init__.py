"""Files of networks that a user adds: recognised, read without running anything in them, and converted."""
