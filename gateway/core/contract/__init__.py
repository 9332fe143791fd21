"""What was agreed with a provider, and what can be asked of it?"""
