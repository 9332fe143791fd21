"""How fast the gateway is beside its peers: ``make bench``."""
