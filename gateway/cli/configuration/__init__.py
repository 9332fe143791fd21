"""Is the configuration right, what would it do, and what was it before?"""
