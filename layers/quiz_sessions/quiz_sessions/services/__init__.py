"""The use cases: they apply the rules of the domain and work through the stores."""
