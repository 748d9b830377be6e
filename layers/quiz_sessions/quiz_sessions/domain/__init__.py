"""What is true of attempts whatever stores them: pure rules, which read neither a clock nor a store."""
