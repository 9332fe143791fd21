"""What does it cost: amounts, token counts, price lists, currencies?"""
