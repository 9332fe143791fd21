"""Run something: the gateway, a simulated provider, the demo."""
