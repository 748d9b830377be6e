"""Code generators make something of the API's document that a developer can use."""
