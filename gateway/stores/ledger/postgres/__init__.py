"""How is a ledger kept in PostgreSQL, for any number of gateways?"""
