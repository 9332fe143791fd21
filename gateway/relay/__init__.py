"""Bytes in, bytes out: what passes through is read on its way, never held and never changed."""
