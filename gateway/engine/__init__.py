"""Carries out what the core decides: awaits, never decides."""
