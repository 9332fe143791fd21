"""What does one process count and claim by itself?"""
