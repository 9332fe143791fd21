"""One file a dialect of upstream, on connections of our own."""
