"""What operators see: metrics and logs, without a key, a prompt or an image in them."""
