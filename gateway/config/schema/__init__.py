"""What may be written: the configuration's shape, bounds and defaults."""
