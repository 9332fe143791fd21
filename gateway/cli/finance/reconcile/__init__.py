"""The provider's bill against the ledger."""
