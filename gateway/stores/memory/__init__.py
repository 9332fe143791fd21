"""What one process counts and claims by itself."""
