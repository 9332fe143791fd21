"""What happened to requests, and how do routes and contracts stand?"""
