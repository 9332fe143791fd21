"""What did the caller ask for: the fields of a request, read and checked once at the border."""
