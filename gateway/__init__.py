"""A gateway with one OpenAI-compatible image endpoint over many providers; every response names the contract that served it."""
