"""Who may connect? HTTP/1.1, strict and bounded, the same for both planes and the simulator."""

from gateway.listener.bounds import Counts, Limits
from gateway.listener.connection import CONNECTION, Connection
from gateway.listener.exchange import Exchange
from gateway.listener.refusal import REFUSED, Refused
from gateway.listener.server import PortUnavailable, listening

__all__ = ["CONNECTION", "REFUSED", "Connection", "Counts", "Exchange", "Limits", "PortUnavailable", "Refused", "listening"]
