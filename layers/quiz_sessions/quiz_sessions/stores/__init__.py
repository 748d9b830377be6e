"""PostgreSQL, Valkey, EventBridge and Secrets Manager, as the service uses them."""
