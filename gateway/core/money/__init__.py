"""What does it cost: exact amounts, token counts, price lists, currencies."""
