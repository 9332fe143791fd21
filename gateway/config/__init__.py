"""The configuration: what is written in YAML, checked and turned into the snapshot that runs."""
