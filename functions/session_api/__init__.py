"""The Lambda function of the HTTP API."""
