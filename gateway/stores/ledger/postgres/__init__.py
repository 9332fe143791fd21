"""The ledger in PostgreSQL, for any number of gateways."""
