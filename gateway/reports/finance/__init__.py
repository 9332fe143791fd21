"""What did it cost, what may it still cost, and what does the provider say?"""
