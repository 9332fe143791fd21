"""One file a dialect of upstream."""
