"""The Lambda function of the flush."""
