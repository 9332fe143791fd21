"""Where are the keys? In variables, files or commands, and never shown."""
