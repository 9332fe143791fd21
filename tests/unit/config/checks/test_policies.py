"""Choice, fallback and pins that contradict the rest, and contracts outside their dates: where it is found and what is said."""

from datetime import date
from pathlib import Path

import pytest

from gateway.config.load import load
from tests.unit.config.samples import TODAY, base, loaded, place, problems, with_second_route

BOTH = "routes: [openai-route, spare]"


def both(more: str) -> tuple[str, str]:
    """The model's two routes and something more."""
    return BOTH, f"{BOTH}, {more}"


def shop(more: str) -> tuple[str, str]:
    """The app with something more."""
    return "team: shop", f"team: shop\n    {more}"


FLARE = "flare: {routes: [flare-route]}\n  gpt-image-2:"
FLARE_ROUTE = "flare-route: {model: flare, provider: openai, upstream_model: gpt-image-2, contract: direct}\n  openai-route:"
OTHER_MODEL = (("models:\n  gpt-image-2:", f"models:\n  {FLARE}"), ("routes:\n  openai-route:", f"routes:\n  {FLARE_ROUTE}"))

# What is replaced and by what, the text at whose place the problem is found, its path, and a part of what is said.
CASES: dict[str, tuple[tuple[tuple[str, str], ...], str, str, str]] = {
    "tier of no route": ((both("tiers: {spaer: 2}"),), "spaer", "models.gpt-image-2.tiers.spaer", "Did you mean 'spare'?"),
    "share of no route": ((both("split: {other: 2}"),), "other", "models.gpt-image-2.split.other", "no route of this model"),
    "share of another model's route": (
        (*OTHER_MODEL, both("split: {flare-route: 1}")),
        "flare-route: 1",
        "models.gpt-image-2.split.flare-route",
        "no route of this model",
    ),
    "nobody's share": (
        (both("split: {openai-route: 0, spare: 0}"),),
        "split",
        "models.gpt-image-2.split",
        "the weights add up to 0",
    ),
    "nobody's share of a tier": (
        (both("tiers: {spare: 2}, split: {openai-route: 1, spare: 0}"),),
        "split",
        "models.gpt-image-2.split",
        "the weights of tier 2 add up to 0",
    ),
    "unknown receiver": (
        (both("fallback: {on: [provider], to: [reseler]}"),),
        "reseler]",
        "models.gpt-image-2.fallback.to[0]",
        "Did you mean 'reseller'?",
    ),
    "receiver twice": (
        (both("fallback: {on: [provider], to: [reseller, direct, reseller]}"),),
        "reseller]}",
        "models.gpt-image-2.fallback.to[2]",
        "no request comes back",
    ),
    "owner twice": (
        (both("fallback: {on: [provider, provider], to: [reseller]}"),),
        "provider], to",
        "models.gpt-image-2.fallback.on[1]",
        "'provider' is listed twice",
    ),
    "fallback with one route": (
        ((BOTH, "routes: [openai-route], fallback: {on: [provider], to: [reseller]}"),),
        "fallback",
        "models.gpt-image-2.fallback",
        "one route only",
    ),
    "receiver without a route": (
        (
            (BOTH, "routes: [openai-route, third], fallback: {on: [provider], to: [direct, reseller]}"),
            ("  spare: {", "  third: {model: gpt-image-2, provider: openai, upstream_model: x, contract: direct}\n  spare: {"),
        ),
        "reseller]}",
        "models.gpt-image-2.fallback.to[1]",
        "no route of 'gpt-image-2' is under the contract 'reseller', so a fallback never reaches it",
    ),
    "fallback only to where it comes from": (
        (both("fallback: {on: [provider], to: [direct]}"),),
        "to: [direct]",
        "models.gpt-image-2.fallback.to",
        "leads nowhere",
    ),
    "fallback to a route that a tier puts first": (
        (both("tiers: {openai-route: 2}, fallback: {on: [provider], to: [reseller]}"),),
        "to: [reseller]",
        "models.gpt-image-2.fallback.to",
        "leads nowhere",
    ),
    "unknown contract of an app": ((shop("contracts: [dircet]"),), "dircet", "apps.shop.contracts[0]", "Did you mean 'direct'?"),
    "pin of no model": ((shop("pins: {gpt-image-9: spare}"),), "gpt-image-9", "apps.shop.pins.gpt-image-9", "Did you mean"),
    "pin of an alias": ((shop("pins: {dall-e-3: spare}"),), "dall-e-3: spare", "apps.shop.pins.dall-e-3", "write 'gpt-image-2'"),
    "pin to no route": (
        (shop("pins: {gpt-image-2: spaer}"),),
        "spaer",
        "apps.shop.pins.gpt-image-2",
        "'spaer' is not defined under routes. Did you mean 'spare'?",
    ),
    "pin to another model's route": (
        (*OTHER_MODEL, shop("pins: {gpt-image-2: flare-route}")),
        "flare-route}\n",
        "apps.shop.pins.gpt-image-2",
        "'flare-route' is no route of 'gpt-image-2'",
    ),
    "pin of a model that the app may not use": (
        (shop("models: []\n    pins: {gpt-image-2: spare}"),),
        "gpt-image-2: spare",
        "apps.shop.pins.gpt-image-2",
        "may not use the model",
    ),
    "pin under a contract that the app may not use": (
        (shop("contracts: [direct]\n    pins: {gpt-image-2: spare}"),),
        "spare}\n",
        "apps.shop.pins.gpt-image-2",
        "may not use the contract of 'spare'",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_can_never_happen_is_one_problem_at_its_place(
    tmp_path: Path, case: tuple[tuple[tuple[str, str], ...], str, str, str]
) -> None:
    """With its path, and a text that says why and what would be right."""
    changes, found_at, path, said = case
    file = with_second_route(tmp_path, *changes)
    (problem,) = problems(file)
    assert (problem.path, problem.line, problem.column) == (path, *place(file, found_at))
    assert said in f"{problem.what}. {problem.fix}"


@pytest.mark.parametrize(
    "changes",
    [
        (both("split: {openai-route: 99, spare: 1}, fallback: {on: [provider, rate_limit], to: [direct, reseller]}"),),
        (both("split: {openai-route: 99, spare: 1}, fallback: {on: [account], to: [direct]}"),),
        (both("cheapest_first: true, fallback: {on: [verification], to: [direct]}"),),
        (both("tiers: {openai-route: 2}, fallback: {on: [provider], to: [direct]}"),),
        (both("tiers: {spare: 2}, split: {openai-route: 1}"),),
        (both("split: {openai-route: 1, spare: 0}"),),
        (both("fallback: {on: [provider], to: [reseller]}"), ("spare: {", "spare: {state: disabled, ")),
        (shop("models: [gpt-image-2]\n    contracts: [reseller]\n    pins: {gpt-image-2: spare}"),),
        (shop("pins: {gpt-image-2: spare}"),),
    ],
)
def test_what_can_happen_is_no_problem(tmp_path: Path, changes: tuple[tuple[str, str], ...]) -> None:
    """A canary, a second tier, a route that is away for a while, an app with a route of its own."""
    assert loaded(with_second_route(tmp_path, *changes)).snapshot


def test_a_contract_within_one_route_s_reach_is_no_dead_end(tmp_path: Path) -> None:
    """A model with two routes under one contract can change between them."""
    changes = (both("fallback: {on: [provider], to: [direct]}"), ("contract: reseller}", "contract: direct}"))
    assert loaded(with_second_route(tmp_path, *changes)).snapshot


def test_mistakes_of_policy_do_not_hide_each_other(tmp_path: Path) -> None:
    """Nor do mistakes of form: all are reported at once, each once."""
    file = with_second_route(
        tmp_path,
        both("tiers: {spare: two, other: 2}, split: {openai-route: 0}, fallback: {on: [caller], to: [nobody, direct, 5]}"),
        shop("contracts: direct\n    pins: {gpt-image-2: 7, other: spare}"),
    )
    assert [problem.path for problem in problems(file)] == [
        "models.gpt-image-2.tiers.spare",
        "models.gpt-image-2.tiers.other",
        "models.gpt-image-2.split",
        "models.gpt-image-2.fallback.on[0]",
        "models.gpt-image-2.fallback.to[0]",
        "models.gpt-image-2.fallback.to[2]",
        "apps.shop.contracts",
        "apps.shop.pins.gpt-image-2",
        "apps.shop.pins.other",
    ]


LAPSES = {
    "over": ("price_list: usd", "effective_to: 2026-11-23\n    price_list: usd", "ended on 2026-11-23"),
    "not yet": ('"1"\n    effective_from: 2026-01-01', '"1"\n    effective_from: 2026-11-24', "begins on 2026-11-24"),
}


@pytest.mark.parametrize("case", LAPSES.values(), ids=LAPSES.keys())
def test_a_contract_used_outside_its_dates_is_found_at_the_route(tmp_path: Path, case: tuple[str, str, str]) -> None:
    """A check refuses it there; a gateway that starts that day warns, and takes other changes."""
    file = base(tmp_path, case[:2])
    found = loaded(file)
    (lapse,) = found.expired
    assert (lapse.path, lapse.line, lapse.column) == ("routes.openai-route.contract", *place(file, "direct}"))
    assert case[2] in lapse.what
    assert [warning.path.partition(".")[0] for warning in found.warnings] == ["contracts"]


@pytest.mark.parametrize("state", ["disabled", "draining"])
def test_a_route_that_takes_no_request_may_keep_its_contract(tmp_path: Path, state: str) -> None:
    """It is prepared for another day, or on its way out."""
    file = base(tmp_path, LAPSES["over"][:2], ("contract: direct}", f"contract: direct, state: {state}}}"))
    assert not loaded(file).expired


def test_a_contract_that_no_route_uses_may_be_over(tmp_path: Path) -> None:
    """Neither directly nor by a route that no model lists."""
    over = ("price_list: reseller-prices", "effective_to: 2026-11-01\n    price_list: reseller-prices")
    assert loaded(with_second_route(tmp_path, over)).expired
    assert not loaded(with_second_route(tmp_path, over, (BOTH, "routes: [openai-route]"))).expired


def test_dates_are_compared_on_the_day_of_the_check(tmp_path: Path) -> None:
    """The first day counts, the day of its end does not."""
    file = base(tmp_path, ("price_list: usd", "effective_to: 2026-11-24\n    price_list: usd"))
    assert not load(file, {}, TODAY).expired
    assert load(file, {}, date(2026, 11, 24)).expired
    assert not load(file, {}, date(2026, 1, 1)).expired
    assert load(file, {}, date(2025, 12, 31)).expired
