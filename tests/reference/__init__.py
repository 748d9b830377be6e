"""What others compute of the same data."""
