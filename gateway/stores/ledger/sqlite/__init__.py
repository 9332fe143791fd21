"""How is a ledger kept in one SQLite file?"""
