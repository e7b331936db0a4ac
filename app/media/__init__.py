"""Reading videos and pictures, and fetching them safely."""
