"""What has every ledger in common, whatever its database?"""
