"""What changes is said in plain words, the weightiest first, and nothing is said where nothing changes."""

from pathlib import Path

import pytest

from gateway.config.change.difference import Change, differences
from gateway.config.load import Loaded
from tests.unit.config.samples import base, loaded, with_second_route

Edit = tuple[str, str]
BOTH = "routes: [openai-route, spare]"
ALONE: Edit = (BOTH, "routes: [openai-route]")
KEY = "{sha256: " + "a" * 64 + "}"


FALLBACK = "fallback to reseller (billed by Atlas) after failures of provider: 2 attempts within 300 s"
TIERS_ALONE = (
    "its routes change from openai-route (tier 1, weight 0), spare (tier 2, weight 0) "
    "to openai-route (tier 1, weight 0), spare (tier 3, weight 0)"
)
RECORDED = (
    "limits | contract direct: limits: recorded: images per minute of gpt-image-2 "
    "changes from 50 (recorded 2026-11-01, limits page) to 20 (recorded 2026-11-01, limits page)"
)
IDLE = (
    "setting | configuration: nothing changes that is in use: only a source, a date of recording, "
    "or what no route or model refers to"
)


def both(more: str) -> Edit:
    """The model's two routes and something more."""
    return BOTH, f"{BOTH}, {more}"


def changed(folder: Path, old: tuple[Edit, ...] = (), new: tuple[Edit, ...] = ()) -> tuple[Change, ...]:
    """The differences between two edits of the configuration with a second route."""
    before = _loaded(folder / "before", old)
    return differences(before, _loaded(folder / "after", new))


def _loaded(folder: Path, edits: tuple[Edit, ...]) -> Loaded:
    folder.mkdir()
    return loaded(with_second_route(folder, *edits))


def said(changes: tuple[Change, ...]) -> list[str]:
    """Weight and words of each."""
    return [f"{it.weight} | {it}" for it in changes]


def test_no_difference_is_none(tmp_path: Path) -> None:
    """The same content in another folder, and a comment, change nothing."""
    assert changed(tmp_path, new=(("contracts:\n  direct:", "# a comment\ncontracts:\n  direct:"),)) == ()


def test_a_model_that_moves_names_contract_biller_and_price(tmp_path: Path) -> None:
    """Who is paid, what a large image costs, and where requests go: money before routing."""
    assert said(changed(tmp_path, (ALONE,), ((BOTH, "routes: [spare]"),))) == [
        "money | model gpt-image-2: who bills for gpt-image-2 changes from OpenAI to Atlas",
        "money | model gpt-image-2: a 1024x1024 image of high quality costs from 0.500 to 0.400 USD (-20.0 %)",
        "routing | model gpt-image-2: requests move from direct to reseller",
    ]


# What the model has in addition before and after, and what of the change is said first of its routing.
CHOICES = {
    "canary": (
        (ALONE,),
        (both("split: {openai-route: 95, spare: 5}"),),
        "requests move from direct to 95 % direct, 5 % reseller",
    ),
    "shares": (
        (both("split: {openai-route: 95, spare: 5}"),),
        (both("split: {openai-route: 2, spare: 1}"),),
        "requests move from 95 % direct, 5 % reseller to 66.67 % direct, 33.33 % reseller",
    ),
    "second choice": ((ALONE,), (), "requests move from direct to direct, then reseller"),
    "order": (
        (),
        ((BOTH, "routes: [spare, openai-route]"),),
        "requests move from direct, then reseller to reseller, then direct",
    ),
    "tiers": (
        (),
        (both("tiers: {openai-route: 2}"),),
        "requests move from direct, then reseller to reseller, then direct",
    ),
    "cheapest": (
        (),
        (both("cheapest_first: true"),),
        "requests move from direct, then reseller to the cheapest of direct, reseller",
    ),
    "tiers alone": (
        (both("tiers: {spare: 2}"),),
        (both("tiers: {spare: 3}"),),
        TIERS_ALONE,
    ),
    "one contract": (
        (),
        (("contract: reseller}", "contract: direct}"),),
        "requests move from direct, then reseller to direct (route openai-route), then direct (route spare)",
    ),
    "nobody": (
        (ALONE,),
        (ALONE, ("contract: direct}", "contract: direct, state: disabled}")),
        "requests move from direct to no active route",
    ),
    "fallback": (
        (),
        (both("fallback: {on: [provider, rate_limit], to: [reseller]}"),),
        "no fallback → fallback to reseller (billed by Atlas) after failures of provider, rate_limit: 2 attempts within 300 s",
    ),
    "fast failures": (
        (both("fallback: {on: [provider], to: [reseller]}"),),
        (both("fallback: {on: [provider], to: [reseller], failed_within_s: 5}"),),
        f"{FALLBACK} → {FALLBACK}, only after failures within 5 s",
    ),
    "retries": ((), (both("retries: {times_max: 2}"),), "retries: times max changes from 0 to 2"),
    "aliases": ((), (("aliases: [dall-e-3]", "aliases: []"),), "its other names changes from dall-e-3 to none"),
}


@pytest.mark.parametrize(("old", "new", "text"), CHOICES.values(), ids=CHOICES.keys())
def test_how_a_model_chooses_is_told(tmp_path: Path, old: tuple[Edit, ...], new: tuple[Edit, ...], text: str) -> None:
    """By contracts and shares; by routes too where two share a contract."""
    found = [it.text for it in changed(tmp_path, old, new) if it.weight == "routing" and it.subject == "model gpt-image-2"]
    assert found == [text]


# The same, and what is said of money.
MONEY = {
    "a split has two billers and a mean": (
        (ALONE,),
        (both("split: {openai-route: 1, spare: 1}"),),
        [
            "model gpt-image-2: who bills for gpt-image-2 changes from OpenAI to OpenAI and Atlas",
            "model gpt-image-2: a 1024x1024 image of high quality costs on average from 0.500 to 0.450 USD (-10.0 %)",
        ],
    ),
    "the cheapest counts": (
        (),
        (both("cheapest_first: true"),),
        [
            "model gpt-image-2: who bills for gpt-image-2 changes from OpenAI to OpenAI and Atlas",
            "model gpt-image-2: a 1024x1024 image of high quality costs at its cheapest from 0.500 to 0.400 USD (-20.0 %)",
        ],
    ),
    "a fallback's price counts too": (
        (),
        (("per_request: 0.4", "per_request: 0.6"),),
        [
            "model gpt-image-2: a 1024x1024 image of high quality by route spare costs from 0.400 to 0.600 USD (+50.0 %)",
            "price list reseller-prices: models: gpt-image-2: request changes from 0.40 to 0.60",
        ],
    ),
    "a small difference is not rounded away": (
        (ALONE,),
        (ALONE, ("per_request: 0.5", "per_request: 0.50001")),
        [
            "model gpt-image-2: a 1024x1024 image of high quality costs from 0.50000 to 0.50001 USD (+0.0 %)",
            "price list usd: models: gpt-image-2: request changes from 0.50 to 0.50001",
        ],
    ),
    "what becomes unknown is not zero": (
        (ALONE,),
        (ALONE, ("models: {gpt-image-2: {per_request: 0.5}}", "models: {other_one: {per_request: 0.5}}")),
        [
            "model gpt-image-2: a 1024x1024 image of high quality costs from 0.500 USD to unknown",
            "price list usd: models: gpt-image-2: request is removed; it was 0.50",
            "price list usd: models: other_one: request is added: 0.50",
        ],
    ),
    "who is paid": (
        (ALONE,),
        (ALONE, ("billing: {owner: OpenAI, account: one", "billing: {owner: OpenAI Ireland, account: three")),
        [
            "model gpt-image-2: who bills for gpt-image-2 changes from OpenAI to OpenAI Ireland",
            "contract direct: who bills changes from OpenAI to 'OpenAI Ireland'",
            "contract direct: the account that is billed changes from one to three",
        ],
    ),
    "what an ambiguous end leads to": (
        (ALONE,),
        (ALONE, ("on_ambiguous: fail}\n    data: {reference", "on_ambiguous: retry}\n    data: {reference")),
        ["contract direct: what follows an attempt that may have been billed changes from fail to retry"],
    ),
    "consent": (
        (ALONE,),
        (ALONE, ("team: shop", "team: shop\n    biller_change: true")),
        ["app shop: whether a fallback may change who bills changes from no to yes"],
    ),
}


@pytest.mark.parametrize(("old", "new", "texts"), MONEY.values(), ids=MONEY.keys())
def test_what_it_costs_and_who_is_paid_is_told(
    tmp_path: Path, old: tuple[Edit, ...], new: tuple[Edit, ...], texts: list[str]
) -> None:
    """In the price of a 1024x1024 image of high quality, exactly."""
    assert [str(it) for it in changed(tmp_path, old, new) if it.weight == "money"] == texts


# What is edited where the model has one route, and all that is said.
OTHERS = {
    "data terms": (
        ("retention: 30 days, region: anywhere", "retention: 60 days, region: anywhere"),
        ["data | contract direct: data: retention changes from '30 days' to '60 days'"],
    ),
    "handling of data": (
        ("prompts: {training: false}", "prompts: {training: true, regions: [eu]}"),
        [
            "data | contract reseller: data: handling: prompts: training changes from no to yes",
            "data | contract reseller: data: handling: prompts: regions changes from not set to eu",
        ],
    ),
    "what an app demands": (
        ("team: shop", "team: shop\n    data_policy: {reference_images: {allowed: false}}"),
        ["data | app shop: data policy: reference images: allowed changes from yes to no"],
    ),
    "where images go": (
        ("http://127.0.0.1:9101/v1", "https://api.openai.com/v1"),
        ["data | provider openai: requests go to https://api.openai.com instead of http://127.0.0.1:9101"],
    ),
    "a recorded limit": (
        ("value: 50", "value: 20"),
        [
            RECORDED,
        ],
    ),
    "a queue": (
        ('usage_tier: "3"', 'usage_tier: "3"\n      queue_s: 10'),
        ["limits | contract direct: how long a request waits for a limit, in seconds, changes from 0.0 to 10.0"],
    ),
    "an app's limit": (
        ("team: shop", "team: shop\n    limits: {requests_per_minute: 60}"),
        ["limits | app shop: limits: requests per minute changes from not set to 60"],
    ),
    "a further key": (
        (KEY, KEY + ", {sha256: " + "b" * 64 + "}"),
        ["access | app shop: may call with a further key: sha256 bbbbbbbbbbbb…"],
    ),
    "allowed models": (
        ("team: shop", "team: shop\n    models: [gpt-image-2]"),
        ["access | app shop: which models it may use changes from not set to gpt-image-2"],
    ),
    "allowed contracts": (
        ("team: shop", "team: shop\n    contracts: [direct]"),
        ["access | app shop: which contracts may serve it changes from not set to direct"],
    ),
    "an account": (
        ("credential: {file: fake.key}", "credential: {file: fake.key}, organization: org-FAKE1234"),
        ["access | provider openai: has another organization"],
    ),
    "a pin": (
        ("team: shop", "team: shop\n    pins: {gpt-image-2: openai-route}"),
        ["routing | app shop: pins: gpt-image-2 is added: openai-route"],
    ),
    "a route's state": (
        ("contract: reseller}", "contract: reseller, state: draining}"),
        ["routing | route spare: state changes from active to draining"],
    ),
    "what is possible": (
        ("qualities: [low, medium, high], n_max: 10", "qualities: [low, high], n_max: 4"),
        [
            f"routing | route {route}: {text}"
            for route in ("openai-route", "spare")
            for text in ("qualities changes from high, low, medium to high, low", "n max changes from 10 to 4")
        ],
    ),
    "a timeout": (
        ("credential: {file: fake.key}", "credential: {file: fake.key}, timeouts: {total_s: 100}"),
        ["setting | provider openai: timeouts: total s changes from 300.0 to 100.0"],
    ),
    "a setting": (
        ("contracts:\n  direct:", "logging: {level: debug}\ncontracts:\n  direct:"),
        ["setting | logging.level: changes from info to debug (takes effect at the next start)"],
    ),
    "what nothing uses": (
        ("source: guide", "source: handbook"),
        [IDLE],
    ),
}


@pytest.mark.parametrize(("edit", "texts"), OTHERS.values(), ids=OTHERS.keys())
def test_everything_else_is_told_with_its_weight(tmp_path: Path, edit: Edit, texts: list[str]) -> None:
    """Data, limits, access and settings, in words instead of a dump."""
    assert said(changed(tmp_path, (ALONE,), (ALONE, edit))) == texts


def test_the_weightiest_comes_first(tmp_path: Path) -> None:
    """Whatever stands first in the files."""
    edits = (
        ("contracts:\n  direct:", "logging: {level: debug}\ncontracts:\n  direct:"),
        ("team: shop", "team: shop\n    limits: {jobs_max: 3}\n    models: [gpt-image-2]"),
        ("region: anywhere", "region: eu"),
        (BOTH, "routes: [spare]"),
    )
    found = [it.weight for it in changed(tmp_path, (ALONE,), edits)]
    assert found == ["money", "money", "data", "routing", "limits", "access", "setting"]


def test_what_comes_and_goes_is_described(tmp_path: Path) -> None:
    """Also the other way round."""
    second = _loaded(tmp_path / "second", ())
    (tmp_path / "first").mkdir()
    first = loaded(base(tmp_path / "first"))
    added = said(differences(first, second))
    assert "money | contract reseller: is added: billed by Atlas" in added
    assert "money | price list reseller-prices: is added: in USD" in added
    assert "routing | route spare: is added: gpt-image-2 at openai under reseller, active" in added
    assert "routing | route spare: is removed; it was: gpt-image-2 at openai under reseller, active" in said(
        differences(second, first)
    )


def test_a_list_that_follows_and_a_rate_are_told_of(tmp_path: Path) -> None:
    """What the new list is, which one it follows, and each day's rate."""
    follows = "price_lists:\n  next: {currency: USD, effective_from: 2026-11-10, supersedes: reseller-prices, source: a page, "
    follows += "recorded_on: 2026-11-09, models: {gpt-image-2: {per_request: 0.6}}}\n"
    newer = (
        ("price_lists:\n  reseller-prices:", f"{follows}  reseller-prices:"),
        ("price_list: reseller-prices", "price_list: next"),
    )
    rates = "exchange:\n  ecb: {base: EUR, quote: USD, source: a page, rates: [{on: 2026-11-20, rate: 1.15}]}\ninclude:"
    dearer = rates.replace("1.15", "1.16")
    before, after = (_loaded(tmp_path / name, (("include:", it),)) for name, it in (("before", rates), ("after", dearer)))
    none, followed = _loaded(tmp_path / "none", ()), _loaded(tmp_path / "followed", newer)
    assert said(differences(none, followed)) == [
        "money | model gpt-image-2: a 1024x1024 image of high quality by route spare costs from 0.400 to 0.600 USD (+50.0 %)",
        "money | contract reseller: the price list changes from reseller-prices to next",
        "money | price list next: is added: in USD",
    ]
    assert said(differences(none, before)) == ["setting | exchange rates ecb: is added: EUR in USD"]
    assert said(differences(before, after)) == ["setting | exchange rates ecb: rates: 2026-11-20 changes from 1.15 to 1.16"]


def test_new_apps_models_and_providers_are_described(tmp_path: Path) -> None:
    """Who may call with which keys, who serves and who bills."""
    text = with_second_route(_made(tmp_path / "before"), ALONE).read_text()
    after = with_second_route(_made(tmp_path / "after"), ALONE)
    kiosk = "  kiosk:\n    team: street\n    cost_centre: CC-2\n    keys: [{sha256: " + "c" * 64 + "}]\n    models: [flare]\n"
    flare = "  flare: {routes: [flare-route]}\n"
    route = "  flare-route: {model: flare, provider: cloud, upstream_model: gpt-image-2, contract: direct}\n"
    cloud = '  cloud: {dialect: openai, base_url: "https://cloud.example/v1", credential: {file: fake.key}}\n'
    for section, more in (("apps", kiosk), ("models", flare), ("routes", route), ("providers", cloud)):
        text = text.replace(f"\n{section}:\n", f"\n{section}:\n{more}")
    after.write_text(text)
    found = said(differences(loaded(tmp_path / "before" / "gateway.yaml"), loaded(after)))
    assert found == [
        "routing | model flare: is added: served by direct; billed by OpenAI; no fallback",
        "routing | route flare-route: is added: flare at cloud under direct, active",
        "routing | provider cloud: is added: at cloud.example",
        "access | app kiosk: is added: team street, cost centre CC-2, keys: sha256 cccccccccccc…, models: flare",
    ]


def test_no_secret_and_no_command_for_a_terminal_is_told(tmp_path: Path) -> None:
    """Another key is another key; what looks like one is masked wherever it stands."""
    before = loaded(with_second_route(_made(tmp_path / "before")))
    slipped_in = ("contact: help}", 'contact: "sk-fake-slipped-in"}')
    commanding = ("retention: 7 days", 'retention: "7\\e[2Jdays"')
    path = with_second_route(_made(tmp_path / "after"), slipped_in, commanding)
    (tmp_path / "after" / "fake.key").write_text("sk-fake-another\n")
    found = said(differences(before, loaded(path)))
    assert "access | provider openai: has another key" in found
    assert "setting | contract direct: support: contact changes from help to [redacted]" in found
    assert "data | contract reseller: data: retention changes from '7 days' to 7\N{REPLACEMENT CHARACTER}[2Jdays" in found
    assert "sk-fake" not in "".join(found)


def test_a_redis_is_told_without_its_password(tmp_path: Path) -> None:
    """Its URL may hold one."""
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    urls = ("redis://:fake-one@127.0.0.1:1/0", "redis://:fake-two@127.0.0.1:1/0")
    one, two = (
        loaded(base(tmp_path / name, more=f"state: {{redis_url: '{url}'}}\n"))
        for name, url in zip(("before", "after"), urls, strict=True)
    )
    assert said(differences(one, two)) == ["setting | state.redis_url: changes (takes effect at the next start)"]


def test_a_ledger_s_database_is_told_without_its_password(tmp_path: Path) -> None:
    """Its URL may hold one; the revision does not depend on it."""
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    urls = ("postgresql://u:fake-one@127.0.0.1/x", "postgresql://u:fake-two@127.0.0.1/x")
    one, two = (
        loaded(base(tmp_path / name, more=f"ledger: {{url: '{url}'}}\n"))
        for name, url in zip(("before", "after"), urls, strict=True)
    )
    assert said(differences(one, two)) == ["setting | ledger.url: changes (takes effect at the next start)"]
    assert one.snapshot.revision == two.snapshot.revision


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
