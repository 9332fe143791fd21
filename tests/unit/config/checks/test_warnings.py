"""What does not stop a gateway, but is said before it starts."""

from datetime import date
from pathlib import Path

import pytest

from gateway.config.load import load
from tests.unit.config.samples import TODAY, base, loaded, place, with_second_route

ROUTE = "{model: gpt-image-2, provider: openai, upstream_model: gpt-image-2, contract: direct}"

# What is replaced, by what, the text at whose place the warning is found, its path, and a part of what is said.
CASES = {
    "unknown data term": ("retention: 30 days", "retention: unknown", "unknown", "contracts.direct.data.retention", "is unknown"),
    "unknown tier": ('usage_tier: "3"', "usage_tier: unknown", "unknown", "contracts.direct.limits.usage_tier", "is unknown"),
    "unknown verification": ("not_required", "unknown", "unknown", "contracts.direct.verification.state", "is unknown"),
    "no limit": (
        "[{model: gpt-image-2, dimension: images_per_minute, value: 50, recorded_on: 2026-11-01, source: limits page}]",
        "[]",
        "[]",
        "contracts.direct.limits.recorded",
        "no limit",
    ),
    "over": (
        "price_list: usd",
        "effective_to: 2026-11-23\n    price_list: usd",
        "2026-11-23",
        "contracts.direct.effective_to",
        "no longer",
    ),
    "ends soon": (
        "price_list: usd",
        "effective_to: 2026-12-01\n    price_list: usd",
        "2026-12-01",
        "contracts.direct.effective_to",
        "in 8 days",
    ),
    "not yet": (
        '"1"\n    effective_from: 2026-01-01',
        '"1"\n    effective_from: 2026-12-01',
        "2026-12-01",
        "contracts.direct.effective_from",
        "another 8 days",
    ),
    "no entry": (
        "models: {gpt-image-2:",
        "models: {gpt-image-3:",
        "gpt-image-2, contract",
        "routes.openai-route.upstream_model",
        "never 0",
    ),
    "prices over": (
        "source: a page",
        "effective_to: 2026-11-02\n    source: a page",
        "2026-11-02",
        "price_lists.usd.effective_to",
        "never 0",
    ),
    "plain http": ("http://127.0.0.1:9101", "http://atlas.example", '"http', "providers.openai.base_url", "unencrypted"),
    "unlisted route": (
        "routes:\n  openai-route",
        f"routes:\n  spare: {ROUTE}\n  openai-route",
        "spare",
        "routes.spare",
        "can never serve",
    ),
    "both may be paid for": ("fail}", "retry}", "retry}", "contracts.direct.failure.on_ambiguous", "both images may be paid for"),
    "nothing known of the model": (
        "catalogue:\n  gpt-image-2: {",
        "catalogue:\n  gpt-image-3: {",
        "gpt-image-2, contract",
        "routes.openai-route.upstream_model",
        "every parameter is passed on",
    ),
    "limits read long ago": (
        "recorded_on: 2026-11-01, source: limits page",
        "recorded_on: 2026-10-23, source: limits page",
        "[{model: gpt-image-2, dimension",
        "contracts.direct.limits.recorded",
        "read on 2026-10-23, 31 days ago",
    ),
    "prices read long ago": (
        "recorded_on: 2026-11-01\n    models",
        "recorded_on: 2026-08-24\n    models",
        "2026-08-24",
        "price_lists.usd.recorded_on",
        "91 days ago",
    ),
    "verification read long ago": (
        "{state: not_required}",
        "{state: verified, recorded_on: 2026-10-01}",
        "2026-10-01",
        "contracts.direct.verification.recorded_on",
        "53 days ago",
    ),
    "retires soon": (
        "source: guide,",
        "source: guide, retires_on: 2026-12-01, successor: gpt-image-3,",
        "gpt-image-2, contract",
        "routes.openai-route.upstream_model",
        "on 2026-12-01, in 8 days",
    ),
    "retired": (
        "source: guide,",
        "source: guide, retires_on: 2026-11-23,",
        "gpt-image-2, contract",
        "routes.openai-route.upstream_model",
        "no longer since 2026-11-23",
    ),
    "a policy that nothing satisfies": (
        "team: shop",
        "team: shop\n    data_policy: {prompts: {training: false}}",
        "prompts: {t",
        "apps.shop.data_policy.prompts",
        "all its requests are refused",
    ),
    "images that may go nowhere": (
        "team: shop",
        "team: shop\n    data_policy: {reference_images: {regions: [eu]}}",
        "reference_images: {r",
        "apps.shop.data_policy.reference_images",
        "requests with reference images are refused",
    ),
    "no image price": (
        "{per_request: 0.5}",
        "{per_million_tokens: {text_in: 5}, output_tokens: {factors: {low: 16}, auto_size: 1024x1024, auto_quality: low}}",
        "per_million_tokens",
        "price_lists.usd.models.gpt-image-2.per_million_tokens",
        "no price for image_out",
    ),
    "no token rule": (
        "gpt-image-2: {per_request: 0.5}",
        "gpt-image-2: {per_million_tokens: {text_in: 5, image_out: 30}}",
        "gpt-image-2: {per_million",
        "price_lists.usd.models.gpt-image-2",
        "no money can be held",
    ),
    "no row for any": (
        "{per_request: 0.5}",
        "{per_image: [{size: 1024x1024, quality: low, amount: 1}]}",
        "[{size",
        "price_lists.usd.models.gpt-image-2.per_image",
        "no row is for any",
    ),
    "open admin": ("apps:\n", "admin: {host: 0.0.0.0}\napps:\n", "0.0.0.0", "admin.host", "no login"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_warning_has_a_place(tmp_path: Path, case: tuple[str, str, str, str, str]) -> None:
    """The configuration runs; one warning says what to know, where, and what to do."""
    old, new, found_at, path, said = case
    file = base(tmp_path, (old, new))
    (warning,) = loaded(file).warnings
    assert (warning.path, warning.line, warning.column) == (path, *place(file, found_at))
    assert said in warning.what
    assert warning.fix


def test_the_small_configuration_has_nothing_to_warn_of(tmp_path: Path) -> None:
    """A warning means something."""
    assert not loaded(base(tmp_path)).warnings


@pytest.mark.parametrize(("today", "count"), [(date(2026, 10, 1), 0), (date(2026, 10, 2), 1), (date(2026, 11, 30), 1)])
def test_a_contract_s_end_is_announced_for_sixty_days(tmp_path: Path, today: date, count: int) -> None:
    """And until it is renewed."""
    file = base(tmp_path, ("price_list: usd", "effective_to: 2026-12-01\n    price_list: usd"))
    assert len(load(file, {}, today).warnings) == count


def test_a_configuration_without_models_and_apps_is_warned_of(tmp_path: Path) -> None:
    """It runs and answers nothing."""
    file = tmp_path / "gateway.yaml"
    file.write_text("server: {port: 0}\n")
    assert [warning.path for warning in load(file, {}, TODAY).warnings] == ["apps", "models"]


BOTH = "routes: [openai-route, spare]"
TO_RESELLER = (BOTH, f"{BOTH}, fallback: {{on: [provider], to: [reseller]}}")


def test_a_second_route_is_nothing_to_warn_of(tmp_path: Path) -> None:
    """Another contract and another biller are what the gateway is for."""
    assert not loaded(with_second_route(tmp_path)).warnings


# What is replaced and by what, then the path of each warning and a part of what it says.
ROUTING_CASES: dict[str, tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {
    "cheapest of two currencies": (
        (
            (BOTH, f"{BOTH}, cheapest_first: true"),
            ("invoice_issuer: Atlas, currency: USD", "invoice_issuer: Atlas, currency: EUR"),
            ("reseller-prices:\n    currency: USD", "reseller-prices:\n    currency: EUR"),
        ),
        (("models.gpt-image-2.cheapest_first", "priced in USD and EUR"),),
    ),
    "cheapest without a price": (
        ((BOTH, f"{BOTH}, cheapest_first: true"), ("models: {gpt-image-2: {per_request: 0.4}}", "models: {}")),
        (
            ("models.gpt-image-2.cheapest_first", "'spare' has no price"),
            ("routes.spare.upstream_model", "never 0"),
        ),
    ),
    "nobody has consented": ((TO_RESELLER,), (("models.gpt-image-2.fallback.to[0]", "'Atlas', and no app has consented"),)),
    "somebody has consented": ((TO_RESELLER, ("team: shop", "team: shop\n    biller_change: true")), ()),
    "nobody may use the model": ((TO_RESELLER, ("team: shop", "team: shop\n    models: []")), ()),
    "the same biller": ((TO_RESELLER, ("billing: {owner: Atlas", "billing: {owner: OpenAI")), ()),
    "one contract satisfies": (
        (("team: shop", "team: shop\n    data_policy: {prompts: {training: false}, outputs: {retention_days_max: 7}}"),),
        (),
    ),
    "the contract that would satisfy is not the app's": (
        (("team: shop", "team: shop\n    contracts: [direct]\n    data_policy: {prompts: {training: false}}"),),
        (("apps.shop.data_policy.prompts", "all its requests are refused"),),
    ),
    "each demand elsewhere": (
        (
            ("region: anywhere}", "region: anywhere, handling: {reference_images: {training: false}}}"),
            ("team: shop", "team: shop\n    data_policy: {prompts: {training: false}, reference_images: {training: false}}"),
        ),
        (("apps.shop.data_policy", "all of this at once"),),
    ),
    "no images at all": (
        (("team: shop", "team: shop\n    data_policy: {prompts: {training: false}, reference_images: {allowed: false}}"),),
        (),
    ),
    "a disabled route's model is gone": (
        (
            ("source: guide,", "source: guide, retires_on: 2026-05-12, successor: gpt-image-3,"),
            ("contract: direct}", "contract: direct, state: disabled}"),
        ),
        (("routes.spare.upstream_model", "no longer since 2026-05-12"),),
    ),
    "the route itself says what it can": (
        (
            ("catalogue:\n  gpt-image-2:", "catalogue:\n  gpt-image-3:"),
            ("contract: direct}", "contract: direct, capabilities: {n_max: 1}}"),
        ),
        (("routes.spare.upstream_model", "every parameter is passed on"),),
    ),
}


@pytest.mark.parametrize("case", ROUTING_CASES.values(), ids=ROUTING_CASES.keys())
def test_what_routing_leads_to_is_warned_of(
    tmp_path: Path, case: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]
) -> None:
    """Where requests would go in vain, be refused to everybody or be sent unchecked, and nowhere else."""
    changes, expected = case
    found = sorted(loaded(with_second_route(tmp_path, *changes)).warnings, key=lambda warning: warning.path)
    assert [warning.path for warning in found] == [path for path, _ in expected]
    for warning, (_, said) in zip(found, expected, strict=True):
        assert said in warning.what
        assert warning.fix


@pytest.mark.parametrize(("today", "count"), [(date(2026, 10, 1), 0), (date(2026, 10, 2), 1), (date(2027, 10, 2), 1)])
def test_a_retirement_is_announced_for_sixty_days(tmp_path: Path, today: date, count: int) -> None:
    """And afterwards until the route has moved."""
    file = base(tmp_path, ("source: guide,", "source: guide, retires_on: 2026-12-01,"))
    found = [warning for warning in load(file, {}, today).warnings if warning.path.startswith("routes.")]
    assert len(found) == count
