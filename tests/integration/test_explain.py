"""``gateway explain`` and ``gateway config shadow``: real commands, and decisions that a real gateway recorded."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.programs import run
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed, two_providers


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with two_providers(tmp_path_factory.mktemp("place")) as place:
        yield place


def narrow(found: Configuration) -> None:
    """The first route makes one image at a time in low quality; the second is dearer."""
    found["routes"]["first"]["capabilities"] = {"qualities": ["low"], "n_max": 1}
    found["price_lists"]["dear"] = found["price_lists"]["usd"] | {"models": {"gpt-image-2": {"per_request": 0.75}}}
    found["contracts"]["reseller"]["price_list"] = "dear"


def command(place: Place, *arguments: str, config: str = "gateway.yaml") -> Any:
    environment = {
        "SIMULATED_OPENAI_URL": "http://127.0.0.1:1/v1",
        "SIMULATED_ATLAS_URL": "http://127.0.0.1:1/v1",
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "GATEWAY_LEDGER": str(place.folder / "one" / "ledger.sqlite"),
        "GATEWAY_CONFIG": str(place.folder / config),
    }
    return run(*arguments, environment=environment)


def test_a_plan_is_printed_with_its_costs_and_every_reason(place: Place) -> None:
    """In the order in which routes would be tried; the others with what would mend it."""
    place.write(changed(narrow))
    done = command(place, "explain", "--model", "gpt-image-2", "--quality", "high", "--format", "json", "--app", "shop")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (candidate,), (drop,) = found["candidates"], found["dropped"]
    assert (candidate["route"], candidate["contract"], candidate["billing_owner"]) == ("second", "reseller@1", "Atlas")
    assert (candidate["estimate"], candidate["currency"]) == ("0.75", "USD")
    assert (drop["route"], drop["reason"], drop["owner"], drop["param"]) == ("first", "capability", "request_shape", "quality")
    table = command(place, "explain", "--model", "gpt-image-2", "--quality", "high")
    assert table.returncode == 0
    for word in ("second", "reseller@1", "Atlas", "0.75 USD", "first", "quality", "request_shape"):
        assert word in table.stdout


def test_it_says_of_each_further_route_when_it_is_tried_or_what_is_missing(place: Place) -> None:
    """A route that is listed and can take the request is not yet one that would ever be tried."""

    def with_fallback(found: Configuration) -> None:
        found["models"]["gpt-image-2"]["fallback"] = {"on": ["provider"], "to": ["reseller"]}

    said = []
    for configuration in (changed(lambda found: None), changed(with_fallback)):
        place.write(configuration)
        done = command(place, "explain", "--model", "gpt-image-2", "--format", "json", "--app", "shop")
        said.append([it["tried"] for it in json.loads(done.stdout)["candidates"]])
    assert said == [
        ["first", "never: the model has no fallback policy"],
        ["first", "never: the app has not consented to another biller"],
    ]


def test_a_request_that_would_be_refused_ends_with_1(place: Place) -> None:
    """With the error that the caller would get."""
    place.write(changed(narrow))
    done = command(place, "explain", "--model", "gpt-image-2", "--n", "2", "--require-contract", "direct", "--format", "json")
    assert done.returncode == 1
    assert (json.loads(done.stdout)["refusal"]["status"], json.loads(done.stdout)["refusal"]["param"]) == (400, "n")
    done = command(place, "explain", "--model", "gpt-image-3")
    assert (done.returncode, "Did you mean 'gpt-image-2'?" in done.stderr) == (1, True)
    assert "--app" in command(place, "explain", "--model", "gpt-image-2", "--app", "nobody").stderr


async def test_recorded_decisions_are_replayed_under_another_configuration(place: Place) -> None:
    """Who would move, what it would cost, who would be refused; what stays is counted, and no prompt was kept."""
    with place.gateway(changed(lambda found: None)) as house:
        async with house.client(KEY) as app:
            for wish in ({}, {}, {"quality": "high"}, {"n": 2, "x_unknown": "a secret"}, {"model": "gpt-image-9"}):
                await ask(app, **wish)
    (place.folder / "new.yaml").write_text(json.dumps(changed(narrow)))
    done = command(place, "config", "shadow", str(place.folder / "new.yaml"), "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["decisions"], found["unmoved"], found["neither"]) == (5, 2, 1)
    (moved,) = found["moved"]
    assert (moved["from"]["contract"], moved["to"]["contract"], moved["count"]) == ("direct", "reseller", 2)
    assert float(found["totals"]["USD"]["difference"]) == 0.5
    text = command(place, "config", "shadow", str(place.folder / "new.yaml")).stdout
    assert "2 move from direct (first) to reseller (second)" in text
    kept = (place.folder / "one" / "decisions.jsonl").read_text()
    assert "teapot" not in kept
    assert "secret" not in kept


def test_without_a_recorded_decision_there_is_nothing_to_replay(place: Place) -> None:
    """It says where they would be."""
    place.write(changed(narrow))
    done = run(
        "config",
        "shadow",
        str(place.config),
        environment={
            "SIMULATED_OPENAI_URL": "http://127.0.0.1:1/v1",
            "SIMULATED_ATLAS_URL": "http://127.0.0.1:1/v1",
            "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
            "GATEWAY_LEDGER": str(place.folder / "nothing" / "ledger.sqlite"),
            "GATEWAY_CONFIG": str(place.config),
        },
    )
    assert done.returncode == 1
    assert "decisions.jsonl" in done.stderr
