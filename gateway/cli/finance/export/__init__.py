"""The ledger for finance, as a file."""
