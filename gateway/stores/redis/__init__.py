"""What do replicas count and claim together in Redis?"""
