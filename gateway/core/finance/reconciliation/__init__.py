"""Does the provider's bill agree with the ledger: its lines, ours, and what to call each difference."""
