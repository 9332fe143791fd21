"""What does finance ask: spend, tables, FOCUS, other price lists?"""
