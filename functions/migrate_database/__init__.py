"""The function that brings the database's schema up to date before traffic shifts."""
