"""Quiz sessions: attempts, their rules, their stores and every use case around them."""

__version__ = "0.1.0"
