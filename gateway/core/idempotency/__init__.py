"""Is this request the same as an earlier one?"""
