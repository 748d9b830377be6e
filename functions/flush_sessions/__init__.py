"""The function behind the schedule."""
