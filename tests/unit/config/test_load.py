"""From files to the snapshot that runs."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.core.contract.contract import OnAmbiguous
from gateway.core.snapshot import RouteState
from tests.unit.config.samples import ROOT, TODAY, base, loaded, place, problems

DEMO = ROOT / "config" / "gateway.yaml"


def test_the_demo_configuration_becomes_a_snapshot() -> None:
    """Two models, each under a contract of its own, found under their names and aliases; nothing to warn of."""
    found = loaded(DEMO)
    models = found.snapshot.models
    assert not found.warnings
    assert models["dall-e-3"] is models["gpt-image-2"]
    assert models["gpt-image-2"].routes[0].contract.reference == "openai-direct@2026-10-01"
    assert models["gpt-image-2.5-flare"].routes[0].contract.billing.owner == "Atlas Images GmbH"
    assert models["gpt-image-2"].routes[0].provider.base_url == "http://127.0.0.1:9101/v1"
    assert models["gpt-image-2"].routes[0].state is RouteState.ACTIVE
    assert models["gpt-image-2"].routes[0].contract.failure.on_ambiguous is OnAmbiguous.FAIL
    assert {app.id: app.team for app in found.snapshot.apps.values()} == {
        "demo-storefront": "storefront",
        "demo-newsroom": "newsroom",
    }


@pytest.mark.parametrize("today", [date(2026, 10, 1), TODAY, date(2036, 1, 1)])
def test_the_demo_configuration_stays_in_force(today: date) -> None:
    """What `make demo` runs does not expire; its records grow old, and that is all there is to say."""
    assert not [warning for warning in load(DEMO, {}, today).warnings if "it was read on" not in warning.what]


def test_the_environment_moves_the_demo_elsewhere() -> None:
    """Ports, ledger and providers are taken from the environment, ports as numbers."""
    found = loaded(
        DEMO, GATEWAY_PORT="0", GATEWAY_ADMIN_PORT="9191", GATEWAY_LEDGER="/x/y", SIMULATED_ATLAS_URL="http://127.0.0.1:7/v1"
    )
    assert (found.settings.server.port, found.settings.admin.port) == (0, 9191)
    assert found.settings.ledger.path == Path("/x/y")
    assert found.snapshot.providers["simulated-atlas"].base_url == "http://127.0.0.1:7/v1"


def test_the_defaults_are_safe(tmp_path: Path) -> None:
    """Loopback, a ledger that survives a power cut, a bounded body, time for image jobs to end."""
    settings = loaded(base(tmp_path)).settings
    assert (settings.server.host, settings.admin.host) == ("127.0.0.1", "127.0.0.1")
    assert (settings.server.port, settings.admin.port) == (8080, 9090)
    assert settings.ledger.synchronous == "full"
    assert settings.server.body_bytes_max == 1024 * 1024
    assert settings.server.shutdown_grace_s == 330
    assert settings.logging.level == "info"


def test_the_snapshot_is_read_only(tmp_path: Path) -> None:
    """Nothing that runs can be changed in place."""
    snapshot = loaded(base(tmp_path)).snapshot
    for mapping in (snapshot.contracts, snapshot.providers, snapshot.routes, snapshot.models, snapshot.apps):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]
    with pytest.raises(TypeError):
        snapshot.routes["openai-route"].price_list.models["x"] = None  # type: ignore[index]


def test_the_revision_names_the_content(tmp_path: Path) -> None:
    """Comments and spelling do not change it; a value and a credential's place do; the credential's text does not."""
    first = loaded(base(tmp_path)).snapshot.revision
    assert len(first) == 12
    assert loaded(base(tmp_path, more="# a comment\nserver: {port: 8080}\n")).snapshot.revision == first
    assert loaded(base(tmp_path, ("per_request: 0.5", 'per_request: "0.50"'))).snapshot.revision == first
    assert loaded(base(tmp_path, ("per_request: 0.5", "per_request: 0.6"))).snapshot.revision != first
    path = base(tmp_path)
    (tmp_path / "fake.key").write_text("sk-other-not-a-secret")
    assert loaded(path).snapshot.revision == first


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0.1", Decimal("0.1")),
        ('"0.1"', Decimal("0.1")),
        ("0.000000001", Decimal("0.000000001")),
        ("123456.123456789", Decimal("123456.123456789")),
        ("7", Decimal(7)),
        ("0", Decimal(0)),
    ],
)
def test_amounts_are_exact(tmp_path: Path, text: str, amount: Decimal) -> None:
    """An amount is the decimal that is written, quoted or not."""
    price = loaded(base(tmp_path, ("per_request: 0.5", f"per_request: {text}"))).snapshot.routes["openai-route"].price_list
    assert price.models["gpt-image-2"].request == amount


@pytest.mark.parametrize("text", ["-1", "0.0000000001", "1e3", ".inf", "1_000", "true", "USD 3", "2000000", "[]", "9" * 400])
def test_what_is_no_exact_amount_is_refused(tmp_path: Path, text: str) -> None:
    """Negative, too fine, too large or not plain: one problem at the amount."""
    path = base(tmp_path, ("per_request: 0.5", f"per_request: {text}"))
    (problem,) = problems(path)
    line, column = place(path, "per_request: ")
    assert (problem.line, problem.column) == (line, column + len("per_request: "))


def test_all_mistakes_come_at_once_and_in_order(tmp_path: Path) -> None:
    """A form, a reference, a contradiction, a variable and a credential: reported together, by line."""
    path = base(
        tmp_path,
        ("effective_from: 2026-01-01\n    price_list: usd", "effective_from: 2026-13-01\n    price_list: eur"),
        ("file: fake.key", "file: other.key"),
        ("contract: direct", "contract: dircet, state: actve"),
        ("aliases: [dall-e-3]", "aliases: [gpt-image-2]"),
        ("team: shop", "team: ${NO_SUCH_VARIABLE}"),
        ("cost_centre: CC-1", "cost_centre: 1001"),
    )
    found = problems(path)
    assert list(found) == sorted(found)
    assert [problem.path for problem in found] == [
        "contracts.direct.effective_from",
        "contracts.direct.price_list",
        "providers.openai.credential.file",
        "routes.openai-route.contract",
        "routes.openai-route.state",
        "models.gpt-image-2.aliases[0]",
        "apps.shop.team",
        "apps.shop.cost_centre",
    ]
    assert "Did you mean 'active'?" in found[4].fix
    assert found[7].fix == "Put it in quotes."
