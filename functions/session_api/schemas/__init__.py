"""Requests as they come in, and replies as they go out; one module for each capability."""
