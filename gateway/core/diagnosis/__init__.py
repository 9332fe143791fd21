"""Whose is a failure: what a provider said, and the first rule that recognises it."""
