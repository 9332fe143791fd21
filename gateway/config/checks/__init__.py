"""Does what was written fit together, and what should somebody know before it runs?"""
