"""Is the ledger what was written, and do its receipts hold?"""
