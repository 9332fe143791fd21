"""How do routes and contracts stand, and whose is a failure?"""
