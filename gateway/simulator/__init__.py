"""What stands in for a provider? A separate program that speaks real HTTP, for the demo, tests and drills."""

from gateway.simulator.app import create_app, running
from gateway.simulator.settings import SimulatorSettings

__all__ = ["SimulatorSettings", "create_app", "running"]
