"""Quiz sessions: the attempt, its rules, its stores and every use case around them."""
