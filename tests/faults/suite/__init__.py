"""Students at several processes of the service while stores and processes fail; then a check of it all."""
