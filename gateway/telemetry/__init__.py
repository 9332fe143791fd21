"""What do operators see? Metrics and logs, without a key, a prompt or an image in them."""
