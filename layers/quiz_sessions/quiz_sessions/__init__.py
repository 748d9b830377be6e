"""Quiz sessions: attempts, the rules for them, their stores and the use cases."""

__version__ = "1.0.0"
