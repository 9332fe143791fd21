"""What replicas count and claim together, in a Redis that they share."""
