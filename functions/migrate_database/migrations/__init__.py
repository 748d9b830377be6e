"""The Alembic environment and the revisions."""
