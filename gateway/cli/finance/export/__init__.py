"""How does finance get the ledger as a file?"""
