"""Was this request asked before, and which answer does it get?"""
