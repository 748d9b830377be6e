"""The stores: PostgreSQL, Valkey, EventBridge and Secrets Manager."""
