"""The alerting rules speak of metrics, labels and sections that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.telemetry.metrics import PAGED_OWNERS, Metrics
from tests.integration.programs import ROOT

RULES = [
    rule for group in YAML(typ="safe").load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
# What Prometheus adds to whatever it scrapes.
SCRAPED = {"instance", "job"}
_SELECTOR = re.compile(r"\b(gateway_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def _exposed() -> dict[str, set[str]]:
    """The labels of every series of the real registry, by the series' name; prometheus_client tells them privately only."""
    metrics = Metrics(lambda: 0.0, lambda: 0, "abc123")
    metrics.watch_ledger(lambda: False)
    metrics.watch_log(lambda: 0)
    metrics.watch_spool(lambda: 0, lambda: 0)
    metrics.watch_routes(dict, dict, tuple)
    metrics.watch_deadlines(tuple)
    found: dict[str, set[str]] = {}
    for collector in list(metrics.registry._collector_to_names):
        families = list(collector.collect())
        for family in families:
            # Families without a sample have their labels nowhere else.
            labels = set(getattr(collector if hasattr(collector, "_labelnames") else family, "_labelnames", ()))
            for suffix in _SUFFIXES.get(family.type, ("",)):
                found[family.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


EXPOSED = _exposed()


def _selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric with the labels that it is matched by."""
    for name, matchers in _SELECTOR.findall(expression):
        yield name, set(_MATCHER.findall(matchers))


def _sections(page: Path) -> set[str]:
    """A page's headings as the anchors that links use."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(params=RULES, ids=lambda rule: rule["alert"])
def rule(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_every_metric_and_label_exists(rule: Any) -> None:
    """An alert on a metric that is misspelt, or has been renamed, would never fire."""
    used = list(_selectors(rule["expr"]))
    assert used
    for name, matched in used:
        assert name in EXPOSED
        assert matched <= EXPOSED[name] | SCRAPED
    grouped = {label.strip() for labels in _GROUPING.findall(rule["expr"]) for label in labels.split(",")}
    for name, _ in used:
        assert grouped <= EXPOSED[name] | SCRAPED


def test_every_alert_says_what_it_is_and_where_to_read_on(rule: Any) -> None:
    """Summary, description, who is woken, and a section that exists; the texts use labels that the alert has."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook"}
    page, _, anchor = notes["runbook"].partition("#")
    assert anchor in _sections(ROOT / page)
    assert rule["alert"] in (ROOT / page).read_text()
    kept = {label.strip() for labels in _GROUPING.findall(rule["expr"]) for label in labels.split(",")}
    assert set(re.findall(r"\$labels\.(\w+)", notes["summary"] + notes["description"])) <= kept


def test_names_are_given_once() -> None:
    """Two alerts of one name cannot be told apart."""
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))


def test_the_page_for_masked_failures_is_for_the_owners_that_begin_at_zero() -> None:
    """Otherwise the first failure of a contract would be no increase."""
    (masked,) = [rule for rule in RULES if rule["alert"] == "GatewayAccountMasked"]
    assert masked["labels"]["severity"] == "page"
    owners = set(re.findall(r'owner=~"([^"]+)"', masked["expr"]))
    assert owners == {"|".join(owner.value for owner in PAGED_OWNERS)}
