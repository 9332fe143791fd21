"""What was booked, and what do the entries say of one attempt or request?"""
