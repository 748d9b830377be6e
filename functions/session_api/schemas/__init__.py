"""Schemas of request bodies and replies, a module for each group of endpoints."""
