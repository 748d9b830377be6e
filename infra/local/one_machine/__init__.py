"""`quiz-sessions`: the service on one machine, and what its operator does with it (docs/one-machine.md)."""
