"""What `make deploy` does for the pages beside SAM, which knows one region and no files."""
