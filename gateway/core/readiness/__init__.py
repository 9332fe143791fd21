"""Is a route ready for production: the path to it, what is recorded, what ends soon."""
