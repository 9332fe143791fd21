"""The configuration: what is written in YAML, checked and turned into the snapshot that runs."""

from gateway.config.change.difference import Change, differences
from gateway.config.change.history import History, HistoryUnusable, Revision
from gateway.config.change.rehearsal import RollbackRefused, rehearse
from gateway.config.change.rollback import Rollback
from gateway.config.load import Loaded, Secrets, load
from gateway.config.problem import ConfigInvalid, Problem
from gateway.config.schema.json_schema import json_schema
from gateway.config.secrets.token_command import Tokens
from gateway.config.settings import Settings

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
    "Secrets",
    "Settings",
    "Tokens",
    "differences",
    "json_schema",
    "load",
    "rehearse",
]
