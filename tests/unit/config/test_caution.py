"""What does not stop a gateway, but is said before it starts."""

from datetime import date
from pathlib import Path

import pytest

from gateway.config import load
from tests.unit.config.samples import TODAY, base, loaded, place

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
    "repeats nothing yet": ("fail}", "retry}", "retry}", "contracts.direct.failure.on_ambiguous", "no attempt is repeated"),
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


@pytest.mark.parametrize(("today", "count"), [(date(2026, 10, 1), 0), (date(2026, 11, 1), 1), (date(2026, 11, 30), 1)])
def test_the_notice_is_thirty_days(tmp_path: Path, today: date, count: int) -> None:
    """A contract that ends is announced a month before and until it is renewed."""
    file = base(tmp_path, ("price_list: usd", "effective_to: 2026-12-01\n    price_list: usd"))
    assert len(load(file, {}, today).warnings) == count


def test_a_configuration_without_models_and_apps_is_warned_of(tmp_path: Path) -> None:
    """It runs and answers nothing."""
    file = tmp_path / "gateway.yaml"
    file.write_text("server: {port: 0}\n")
    assert [warning.path for warning in load(file, {}, TODAY).warnings] == ["apps", "models"]
