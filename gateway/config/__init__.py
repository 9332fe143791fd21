"""The configuration: what is written in YAML, checked and turned into the snapshot that runs."""

from gateway.config.difference import Change, differences
from gateway.config.history import History, HistoryUnusable, Revision
from gateway.config.json_schema import json_schema
from gateway.config.load import Loaded, load
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.rehearsal import RollbackRefused, rehearse
from gateway.config.rollback import Rollback
from gateway.config.settings import Settings
from gateway.config.token_command import Tokens

__all__ = [
    "Change",
    "ConfigInvalid",
    "History",
    "HistoryUnusable",
    "Loaded",
    "Problem",
    "Revision",
    "Rollback",
    "RollbackRefused",
    "Settings",
    "Tokens",
    "differences",
    "json_schema",
    "load",
    "rehearse",
]
