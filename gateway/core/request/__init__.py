"""What did the caller ask for? The fields of a request, checked once at the border."""
