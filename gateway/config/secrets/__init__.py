"""Where are the keys: from variables, files or commands, and never shown."""
