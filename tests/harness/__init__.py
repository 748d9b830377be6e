"""What tests drive the service with."""
