"""The Lambda function that migrates the database before traffic shifts."""
