"""What is kept of a failed request for a support ticket, and what each audience may see of it."""
