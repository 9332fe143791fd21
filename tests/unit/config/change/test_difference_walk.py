"""The difference is blind to no section: each value of a configuration that has them all is edited, and the edit is told."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.config.change.difference import _sections, differences
from gateway.config.load import load
from gateway.config.problem import ConfigInvalid
from gateway.config.schema.document import Configuration
from gateway.core.snapshot import Snapshot
from tests.unit.config.samples import PARTS, TODAY, loaded

# What is no value of what runs: a hash of all, and when somebody read the catalogue.
UNTOLD = {"revision", "catalogued"}
# Where something was read, when, and what is a list of files.
UNUSED = ("source", "recorded_on", "include")
WALKED = YAML(typ="safe", pure=True)
MORE: dict[str, Any] = {
    "budgets": {"month": {"app": "shop", "amount": 20, "currency": "USD", "hard": True, "soft_at": 0.5}},
    "exchange": {
        "eur": {"base": "EUR", "quote": "USD", "source": "a bank", "rates": [{"on": "2026-11-01", "rate": 1.1}], "days_max": 3}
    },
    "server": {"port": 8081, "in_flight_requests_max": 10},
    "admin": {"port": 9091},
    "ledger": {"path": "books.sqlite"},
    "state": {"timeout_s": 0.5},
    "history": {"folder": "history"},
    "decisions": {"kept_max": 5},
    "evidence": {"days_max": 5},
    "signing": {"key": {"file": "sign.key"}},
    "idempotency": {"keys_s": 600},
    "results": {"ttl_s": 60},
    "logging": {"level": "debug"},
}


def whole() -> dict[str, Any]:
    """Every section, and of the models, apps and routes what decides about money and data."""
    found: dict[str, Any] = WALKED.load((PARTS / "base.yaml").read_text())
    for name, section in WALKED.load((PARTS / "second.yaml").read_text()).items():
        found[name] |= section
    found |= deepcopy(MORE)
    model, shop = found["models"]["gpt-image-2"], found["apps"]["shop"]
    model |= {"routes": ["openai-route", "spare"], "tiers": {"spare": 2}, "retries": {"times_max": 1}}
    model["fallback"] = {"on": ["provider"], "to": ["reseller"], "deadline_s": 60}
    shop |= {"biller_change": True, "limits": {"jobs_max": 3}, "models": ["gpt-image-2"], "on_disconnect": "finish"}
    shop["data_policy"] = {"prompts": {"training": False}}
    found["catalogue"]["gpt-image-2"] |= {"retires_on": "2027-11-01", "successor": "gpt-image-3"}
    return found


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    elif not set(path) & set(UNUSED):
        yield path


def edited(value: object) -> Iterator[object]:
    """Other values of the same kind, some of which are valid in its place."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value * 2, value / 2, value + 1)
    elif isinstance(value, str):
        yield from (
            "2026-10-30",
            "2027-12-30",
            f"{value}x",
            "finish",
            "cancel",
            "low",
            "rate_limit",
            "EUR",
            "unverified",
            "a" * 64,
        )
    else:
        yield "2026-10-30"


def written(folder: Path, configuration: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "fake.key").write_text("sk-fake-not-a-secret\n")
    (folder / "sign.key").write_text(json.dumps("a fake signing key")[1:-1])
    path = folder / "gateway.yaml"
    path.write_text(json.dumps(configuration, default=str))
    return path


def test_every_section_of_what_runs_is_in_the_difference() -> None:
    """A new member of the snapshot must be told, or be named here as one that cannot change anything."""
    sections = _sections(Snapshot("", {}, {}, {}, {}, {}))
    assert len(sections) == len({it.name for it in fields(Snapshot)} - UNTOLD)


def test_the_sample_has_every_section_of_the_schema() -> None:
    """So that a new section is walked too."""
    assert set(whole()) | {"include"} == set(Configuration.model_fields)


def test_every_edit_is_told(tmp_path: Path) -> None:
    """Of each value, the first edit that is valid: the difference names it, and never says that nothing changes."""
    before = loaded(written(tmp_path / "before", without_keys(whole())))
    untold, valid = [], 0
    for number, path in enumerate(leaves(without_keys(whole()))):
        after = _after(tmp_path / str(number), path)
        if after is None or after.snapshot.revision == before.snapshot.revision:
            continue
        valid += 1
        said = [str(it) for it in differences(before, after)]
        if not said or any(it.startswith("configuration:") for it in said):
            untold.append((".".join(map(str, path)), said))
    assert untold == []
    assert valid > 60


def without_keys(configuration: dict[str, Any]) -> dict[str, Any]:
    del configuration["signing"]
    return configuration


def _after(folder: Path, path: tuple[str | int, ...]) -> Any:
    folder.mkdir()
    for attempt, value in enumerate(edited(_at(whole(), path))):
        configuration = without_keys(whole())
        inner: Any = configuration
        for step in path[:-1]:
            inner = inner[step]
        if inner[path[-1]] == value:
            continue
        inner[path[-1]] = value
        try:
            return load(written(folder / str(attempt), configuration), {}, TODAY)
        except ConfigInvalid:
            continue
    return None


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@pytest.mark.parametrize("change", ["amount", "hard", "added", "removed"])
def test_a_budget_s_change_is_money(tmp_path: Path, change: str) -> None:
    """It decides who is served."""
    before, after = without_keys(whole()), without_keys(whole())
    if change == "amount":
        after["budgets"]["month"]["amount"] = 900
    elif change == "hard":
        after["budgets"]["month"]["hard"] = False
    elif change == "added":
        del before["budgets"]
    else:
        del after["budgets"]
    found = differences(loaded(written(tmp_path / "a", before)), loaded(written(tmp_path / "b", after)))
    expected = {
        "amount": "budget month: amount changes from 20.00 to 900.00",
        "hard": "budget month: hard changes from yes to no",
        "added": "budget month: is added: 20.00 USD per month for the app shop, hard",
        "removed": "budget month: is removed; it was: 20.00 USD per month for the app shop, hard",
    }
    assert [(it.weight, str(it)) for it in found] == [("money", expected[change])]
