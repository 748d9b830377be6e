"""A browser of its own, which is killed."""
