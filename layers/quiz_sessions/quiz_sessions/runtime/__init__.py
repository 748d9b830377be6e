"""Settings, telemetry and the clock: any layer may use them; they use none of the layers."""
