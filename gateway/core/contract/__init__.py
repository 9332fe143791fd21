"""What was agreed with a provider, and what can be asked of it: terms, data policy, capabilities, its way of speaking."""
