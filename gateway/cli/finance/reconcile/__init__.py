"""Does the provider's bill agree with the ledger?"""
