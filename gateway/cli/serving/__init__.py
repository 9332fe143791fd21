"""What can be run: the gateway, a simulated provider, the demo?"""
