"""The use cases: each judges by the domain's rules and works through the stores."""
