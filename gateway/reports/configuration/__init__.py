"""What does a configuration say, what would it do, and what changed?"""
