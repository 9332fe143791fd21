"""What is said over HTTP? Requests in, answers out, no decisions."""
