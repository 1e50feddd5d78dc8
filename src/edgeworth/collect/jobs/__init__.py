"""What the collector does in a slot: one module per job."""
