"""What was booked: entries, their chain, and what they say of one attempt or request."""
