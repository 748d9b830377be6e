"""The Lambda function that makes exports."""
