"""Is a route ready for production, and what ends soon?"""
