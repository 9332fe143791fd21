"""How does the provider's bill differ from the ledger, line by line?"""
