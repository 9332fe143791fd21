"""How are the routes now: breakers, limits, overrides, readiness?"""
