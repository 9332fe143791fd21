"""What every ledger has in common, whatever its database."""
