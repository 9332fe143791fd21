"""Where may a request go, and what comes next after each attempt?"""
