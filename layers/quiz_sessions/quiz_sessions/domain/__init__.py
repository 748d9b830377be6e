"""Pure rules about attempts, which read neither a clock nor a store."""
