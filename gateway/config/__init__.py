"""The configuration: what is written in YAML, checked and turned into the snapshot that runs."""

from gateway.config.json_schema import json_schema
from gateway.config.load import Loaded, load
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.settings import Settings

__all__ = ["ConfigInvalid", "Loaded", "Problem", "Settings", "json_schema", "load"]
