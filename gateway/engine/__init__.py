"""What happens to a request? The engine carries out what the core decides: it awaits and never decides."""
