"""What must never be shown: secrets, prompts, and whatever is ours at a provider?"""
