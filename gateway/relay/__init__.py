"""What passes through? Bytes in, bytes out: read on their way, never held and never changed."""
