"""Price lists that follow each other, and exchange rates: what is wrong is found before money is booked by it."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.config.samples import base, loaded, place, problems

_NEXT = """
  next:
    currency: USD
    effective_from: 2026-11-10
    supersedes: usd
    source: a page
    recorded_on: 2026-11-09
    models: {gpt-image-2: {per_request: 0.6}}
"""
_BEFORE = "providers:\n"
_RATES = """
exchange:
  ecb:
    base: EUR
    quote: USD
    source: the bank's page
    rates: [{on: 2026-11-20, rate: 1.15}, {on: 2026-11-19, rate: "1.149000001"}]
"""


def followed(folder: Path, *changes: tuple[str, str], by: str = _NEXT) -> Path:
    """The list 'usd', and 'next' after it."""
    return base(folder, (_BEFORE, by.removeprefix("\n") + _BEFORE), ("price_list: usd", "price_list: next"), *changes)


def test_a_list_is_followed_by_the_one_that_supersedes_it(tmp_path: Path) -> None:
    """A contract that names the newest has all of them, each for its own days."""
    found = loaded(followed(tmp_path))
    prices = found.snapshot.routes["openai-route"].price_list
    priced = [prices.price_of("gpt-image-2", day) for day in (date(2026, 11, 9), date(2026, 11, 10))]
    assert [it and it.request for it in priced] == [Decimal("0.5"), Decimal("0.6")]
    assert [it.id for it in prices.series] == ["next", "usd"]
    assert not [it for it in found.warnings if it.path.startswith("price_lists.") and "force" in it.what]


@pytest.mark.parametrize(
    ("changes", "written", "said"),
    [
        (
            [
                (
                    "source: a page\n    recorded_on: 2026-11-01",
                    "effective_to: 2026-11-12\n    source: a page\n    recorded_on: 2026-11-01",
                )
            ],
            "usd\n    source",
            "the lists 'usd' and 'next' overlap: the one ends on 2026-11-12, the other begins on 2026-11-10",
        ),
        (
            [("2026-11-10", "2026-01-01")],
            "usd\n    source",
            "the list 'usd' does not begin before 'next'",
        ),
        ([("supersedes: usd", "supersedes: next")], "next\n    source", "does not begin before"),
        ([("supersedes: usd", "supersedes: usb")], "usb\n    source", "Did you mean 'usd'?"),
        (
            [("currency: USD\n    effective_from: 2026-01-01", "currency: EUR\n    effective_from: 2026-01-01")],
            "usd\n    source",
            "the list 'usd' is in another currency than 'next'",
        ),
    ],
)
def test_lists_that_contradict_each_other_are_refused(
    changes: list[tuple[str, str]], written: str, said: str, tmp_path: Path
) -> None:
    """At the line that names the other; both are named."""
    path = followed(tmp_path, *changes)
    (problem,) = problems(path)
    assert ((problem.line, problem.column), problem.path) == (place(path, written), "price_lists.next.supersedes")
    assert said in str(problem)


def test_days_that_are_none_are_told_of_once(tmp_path: Path) -> None:
    """Where they stand, and not again as a contradiction."""
    (problem,) = problems(followed(tmp_path, ("2026-11-10", "2026-11-31")))
    assert problem.path == "price_lists.next.effective_from"


def test_a_gap_between_lists_is_told_of(tmp_path: Path) -> None:
    """Nothing bridges it: the costs of its days are unknown."""
    found = loaded(
        followed(
            tmp_path,
            (
                "source: a page\n    recorded_on: 2026-11-01",
                "effective_to: 2026-11-02\n    source: a page\n    recorded_on: 2026-11-01",
            ),
        )
    )
    (warning,) = [it for it in found.warnings if it.path == "price_lists.next.effective_from"]
    assert "no list is in force from 2026-11-02 to 2026-11-10" in warning.what
    assert found.snapshot.price_lists["next"].price_of("gpt-image-2", date(2026, 11, 5)) is None


def test_a_contract_that_stays_with_a_superseded_list_is_told_of(tmp_path: Path) -> None:
    """From the day on which the new one holds; before that day there is nothing to say."""
    stays = [("price_list: next", "price_list: usd")]
    (warning,) = [it for it in loaded(followed(tmp_path, *stays)).warnings if it.path == "contracts.direct.price_list"]
    assert "'usd' is superseded by 'next' since 2026-11-10" in warning.what
    assert "Write 'next'" in warning.fix
    later = loaded(followed(tmp_path, *stays, ("2026-11-10", "2026-12-01")))
    assert not [it for it in later.warnings if it.path == "contracts.direct.price_list" or "not in force" in it.what]


def test_rates_are_read_by_day(tmp_path: Path) -> None:
    """Exactly, in the order of their days."""
    table = loaded(base(tmp_path, more=_RATES)).snapshot.exchange["ecb"]
    assert (table.base, table.quote, table.days_max) == ("EUR", "USD", 7)
    assert list(table.rates.items()) == [
        (date(2026, 11, 19), Decimal("1.149000001")),
        (date(2026, 11, 20), Decimal("1.15")),
    ]


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        ("rate: 1.15", "rate: 0", "exchange.ecb.rates[0].rate", "is zero"),
        ("rate: 1.15", "rate: -1.15", "exchange.ecb.rates[0].rate", "is negative"),
        ("quote: USD", "quote: EUR", "exchange.ecb", "values a currency in itself"),
        ("on: 2026-11-19", "on: 2026-11-20", "exchange.ecb", "two rates of 2026-11-20"),
        ("    source: the bank's page\n", "", "exchange.ecb.source", "is missing"),
    ],
)
def test_rates_that_cannot_be_are_refused(old: str, new: str, path: str, said: str, tmp_path: Path) -> None:
    """At their place."""
    (problem,) = problems(base(tmp_path, more=_RATES.replace(old, new)))
    assert problem.path == path
    assert said in str(problem)
