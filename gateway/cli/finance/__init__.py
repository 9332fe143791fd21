"""What was spent, for whom, and does the bill agree?"""
