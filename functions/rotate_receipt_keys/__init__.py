"""The function that makes and replaces the keys of receipts."""
