"""The Lambda function that generates and rotates the keys that sign receipts and the tokens of beacons."""
