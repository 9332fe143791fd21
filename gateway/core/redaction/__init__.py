"""What must never be shown: secrets, prompts, and whatever is ours at a provider, taken out of texts that leave."""
