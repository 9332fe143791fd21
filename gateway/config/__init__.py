"""What is configured? YAML is read, checked and turned into the snapshot that runs."""
