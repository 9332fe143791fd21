"""Whose is a failure? What a provider said, and the first rule that recognises it."""
