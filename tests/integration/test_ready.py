"""The readiness path against real providers: it stops where it must, spends what it may, and holds back what is not ready."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.integration.programs import House, control, run, start
from tests.integration.reloads import tell
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed

WORD = {"who": "ada", "why": "a drill"}
LIVE = WORD | {"live": True, "budget": "0.50"}
TODAY = datetime.now(UTC).date()
# Of the requests to the image endpoints the walk's first is the minimal one, its second the size, and so on.
NTH = {"minimal": 1.0, "size": 1 / 2, "quality": 1 / 3, "edits": 1 / 4, "streaming": 1 / 5}


def _able(configuration: Configuration) -> None:
    """The first route with all that readiness asks for; the second as it is, which declares nothing."""
    configuration["contracts"]["direct"]["limits"]["recorded"] = [
        {"model": "gpt-image-2", "dimension": "images_per_minute", "value": 1000, "recorded_on": str(TODAY), "source": "a page"}
    ]
    configuration["price_lists"]["usd"]["models"]["gpt-image-2"] = {
        "per_million_tokens": {"text_in": 5, "image_in": 8, "image_out": 30},
        "output_tokens": {
            "factors": {"low": 16, "medium": 48, "high": 96},
            "auto_size": "1024x1024",
            "auto_quality": "high",
            "partial_image": 100,
            "reference_max": 1536,
        },
    }
    configuration["catalogue"] = {
        "gpt-image-2": {
            "recorded_on": str(TODAY),
            "source": "a page",
            "capabilities": {
                "sizes": ["1024x1024", "1536x1024"],
                "qualities": ["low", "medium"],
                "output_formats": ["png"],
                "partial_images_max": 3,
                "references_max": 16,
            },
        }
    }


ABLE = changed(_able)


def able(change: Any) -> Configuration:
    """The able configuration with something else in it."""

    def both(configuration: Configuration) -> None:
        _able(configuration)
        change(configuration)

    return changed(both)


@pytest.fixture(scope="module")
def shared_gateway(providers: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One whose first route is able to pass."""
    place = Place(tmp_path_factory.mktemp("ready"), providers.openai, providers.atlas)
    with place.gateway(ABLE) as house:
        yield house


@pytest.fixture
def gateway(shared_gateway: House) -> House:
    """Its provider without faults, with counters at zero."""
    control(shared_gateway.openai.url, "faults", "DELETE")
    control(shared_gateway.openai.url, "stats", "DELETE")
    return shared_gateway


def walked(house: House, order: dict[str, Any], route: str = "first") -> dict[str, Any]:
    status, walk = tell(f"{house.admin_url}/routes/{route}/ready", "POST", order)
    assert status == 200, walk
    return walk


def states(walk: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["state"] for step in walk["steps"]}


def images(house: House) -> int:
    count: int = control(house.openai.url, "stats")["images"]
    return count


def readiness(house: House, route: str = "first") -> dict[str, Any]:
    routes = tell(f"{house.admin_url}/routes")[1]["routes"]
    found: dict[str, Any] = next(it for it in routes if it["id"] == route)["readiness"]
    return found


async def test_without_live_nothing_is_spent(gateway: House) -> None:
    """Every recorded step is walked, no image is made, and nothing is proven."""
    done = run("ready", "first", "--admin", gateway.admin_url, "--format", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    (walk,) = said["routes"]
    assert (said["ready"], walk["live"], walk["spent"]) == (True, False, None)
    found = states(walk)
    assert list(found.values())[:9] == ["passed"] * 9
    assert list(found.values())[9:] == ["skipped"] * 6
    assert control(gateway.openai.url, "stats")["requests"] == 0


async def test_a_live_walk_proves_the_route(gateway: House) -> None:
    """Five images, each booked; the result is dated and shown wherever routes are."""
    done = run("ready", "first", "--live", "--admin", gateway.admin_url, "--format", "json", "--who", "ada", "--why", "a drill")
    assert done.returncode == 0, done.stderr
    walk = json.loads(done.stdout)["routes"][0]
    assert list(states(walk).values()) == ["passed"] * 14 + ["skipped"]
    assert images(gateway) == 5
    entries = gateway.entries(walk["request_id"])
    assert [it["kind"] for it in entries] == ["reserve", "settle"] * 5
    assert {it["app"] for it in entries} == {"gateway-ready"}
    booked = sum(Decimal(it["amount"]) for it in entries if it["kind"] == "settle")
    assert Decimal(walk["spent"]["amount"]) == booked == sum(Decimal(it["cost"]["amount"]) for it in walk["steps"] if it["cost"])
    shown = readiness(gateway)
    assert (shown["verdict"], shown["proven_at"], shown["stopped_at"]) == ("ready", walk["at"], None)
    table = run("routes", "--admin", gateway.admin_url).stdout
    assert "readiness: ready, proven" in table


async def test_readyz_tells_nobody_of_models_and_routes(gateway: House) -> None:
    """It needs no key: whoever asks learns whether requests are taken, and no more."""
    async with aiohttp.ClientSession(gateway.url) as anybody, anybody.get("/readyz?verbose") as answer:
        assert (answer.status, set(await answer.json())) == (200, {"status", "config_revision", "ledger_lag_s"})


VERIFICATION = {"kind": "status", "status": 403}
QUOTA = {"kind": "status", "status": 429}
THROTTLED = {"kind": "status", "status": 429, "error": {"message": "Rate limit reached.", "code": "rate_limit_exceeded"}}
BAD_SIZE = {"kind": "status", "status": 400, "error": {"message": "Invalid size.", "param": "size", "code": "invalid_value"}}
MODERATED = {"kind": "status", "status": 400, "error": {"message": "Rejected.", "code": "moderation_blocked"}}


@pytest.mark.parametrize(
    ("step", "fault", "owner"),
    [
        ("minimal", VERIFICATION, "verification"),
        ("minimal", QUOTA, "account"),
        ("minimal", THROTTLED, "rate_limit"),
        ("minimal", {"kind": "status", "status": 401}, "account"),
        ("minimal", {"kind": "status", "status": 500}, "provider"),
        ("minimal", {"kind": "reset_before"}, "provider"),
        ("minimal", {"kind": "empty_data"}, "provider"),
        ("minimal", {"kind": "html", "status": 502}, "provider"),
        ("minimal", MODERATED, "moderation"),
        ("size", BAD_SIZE, "request_shape"),
        ("size", {"kind": "wrong_size"}, "provider"),
        ("quality", {"kind": "truncate"}, "provider"),
        ("quality", QUOTA, "account"),
        ("edits", VERIFICATION, "verification"),
        ("edits", {"kind": "reset_mid_body"}, "provider"),
        ("streaming", {"kind": "truncate"}, "provider"),
        ("streaming", VERIFICATION, "verification"),
    ],
)
async def test_a_live_walk_stops_at_the_step_that_fails(gateway: House, step: str, fault: dict[str, Any], owner: str) -> None:
    """With the failure's owner and what to check first; nothing is asked for behind it, and every attempt is booked."""
    gateway.fault(**fault, share=NTH[step])
    walk = walked(gateway, LIVE)
    assert (walk["ready"], walk["stopped_at"], walk["owner"]) == (False, step, owner)
    stop = next(it for it in walk["steps"] if it["state"] == "stopped")
    assert stop["first_check"]
    assert stop["stop_rule"]
    before = list(NTH).index(step)
    assert list(states(walk).values())[9:] == ["passed"] * before + ["stopped"] + ["skipped"] * (5 - before)
    assert control(gateway.openai.url, "stats")["requests"] == before + 1
    kinds = [it["kind"] for it in gateway.entries(walk["request_id"])]
    assert kinds[: 2 * before] == ["reserve", "settle"] * before
    assert kinds[2 * before] == "reserve"
    assert kinds[2 * before + 1] in ("settle", "void", "expire")
    assert readiness(gateway)["verdict"] == "not_ready"
    assert "sk-fake" not in json.dumps(walk)


@pytest.mark.parametrize(
    ("status", "state", "owner"),
    [(401, "stopped", "account"), (403, "stopped", "verification"), (404, "warned", None), (500, "warned", None)],
)
async def test_a_list_of_models_stops_only_where_the_account_is_refused(
    gateway: House, status: int, state: str, owner: str | None
) -> None:
    """Providers without a list are no worse for it; an account that may not even look is."""
    gateway.fault(kind="status", status=status, at="models")
    walk = walked(gateway, WORD)
    assert (states(walk)["listed"], walk["owner"]) == (state, owner)
    assert control(gateway.openai.url, "stats")["requests"] == 0


@pytest.mark.parametrize(("budget", "made"), [("0", 0), ("0.0001", 0), ("0.006", 1), ("0.011", 2), ("0.02", 3), ("0.06", 4)])
async def test_the_budget_is_never_exceeded(gateway: House, budget: str, made: int) -> None:
    """What does not fit is not sent: without the first nothing is proven, later ones are skipped; the route is not to blame."""
    verdict = walked(gateway, LIVE) and readiness(gateway)["verdict"]
    control(gateway.openai.url, "stats", "DELETE")
    walk = walked(gateway, LIVE | {"budget": budget})
    spent = Decimal(walk["spent"]["amount"]) if walk["spent"] else Decimal(0)
    assert spent <= Decimal(budget)
    assert images(gateway) == made
    assert (walk["ready"], walk["owner"]) == ((True, None) if made else (False, "caller"))
    assert readiness(gateway)["verdict"] == verdict == "ready"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (WORD | {"live": "yes"}, "live"),
        (WORD | {"live": True}, "budget"),
        (WORD | {"live": True, "budget": 0.5}, "budget"),
        (WORD | {"live": True, "budget": "-1"}, "budget"),
        (WORD | {"budgets": "1"}, "budgets"),
        ({"live": False, "who": "ada"}, "why"),
    ],
)
async def test_a_faulty_order_is_refused(gateway: House, body: dict[str, Any], field: str) -> None:
    """With the field, the rule and the fix."""
    status, said = tell(f"{gateway.admin_url}/routes/first/ready", "POST", body)
    assert (status, said["field"]) == (422, field)
    assert said["fix"]


async def test_one_walk_a_route_at_a_time(gateway: House) -> None:
    """Two at once would spend twice."""
    gateway.fault(kind="latency", ms=1000, times=1)
    found: list[dict[str, Any]] = []
    walking = threading.Thread(target=lambda: found.append(walked(gateway, LIVE)))
    walking.start()
    deadline_s = time.monotonic() + 10
    while control(gateway.openai.url, "stats")["requests"] == 0 and time.monotonic() < deadline_s:
        await asyncio.sleep(0.01)
    status, said = tell(f"{gateway.admin_url}/routes/first/ready", "POST", LIVE)
    await asyncio.to_thread(walking.join)
    assert (status, said["rule"]) == (409, "one walk a route at a time")
    assert found[0]["ready"]


def test_a_wrong_command_ends_with_2(gateway: House) -> None:
    """And says what would be right."""
    for arguments, words in ((("nobody",), "first, second"), (("first", "--live", "--budget", "much"), "0.50")):
        done = run("ready", *arguments, "--admin", gateway.admin_url)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_all_routes_share_the_budget(gateway: House) -> None:
    """One that is not ready makes the whole not ready: exit code 1."""
    done = run("ready", "--live", "--budget", "0.02", "--admin", gateway.admin_url, "--format", "json")
    walks = {walk["route"]: walk for walk in json.loads(done.stdout)["routes"]}
    assert done.returncode == 1
    assert (walks["first"]["ready"], walks["second"]["stopped_at"]) == (True, "limits")
    assert images(gateway) == 3


def test_it_does_not_spend_beside_a_gateway_that_it_cannot_reach(gateway: House) -> None:
    """The ledger is that gateway's: its admin plane must be named."""
    done = run("ready", "first", "--live", environment=gateway.environment)
    assert done.returncode == 1
    assert "ledger" in done.stderr
    assert "Traceback" not in done.stderr
    assert images(gateway) == 0


def _environment(place: Place) -> dict[str, str]:
    return {
        "SIMULATED_OPENAI_URL": f"{place.openai.url}/v1",
        "SIMULATED_ATLAS_URL": f"{place.atlas.url}/v1",
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "GATEWAY_LEDGER": str(place.folder / "ledger.sqlite"),
        "GATEWAY_CONFIG": str(place.config),
    }


def _direct(**terms: Any) -> Configuration:
    def change(configuration: Configuration) -> None:
        for name, members in terms.items():
            configuration["contracts"]["direct"][name] |= members

    return able(change)


OLD = [
    {
        "model": "gpt-image-2",
        "dimension": "images_per_minute",
        "value": 5,
        "recorded_on": str(TODAY - timedelta(days=31)),
        "source": "a page",
    }
]


@pytest.mark.parametrize(
    ("configuration", "step", "owner"),
    [
        (able(lambda it: it["catalogue"]["gpt-image-2"].update(retires_on=str(TODAY))), "model", "route"),
        (_direct(limits={"usage_tier": "Free"}), "free", "account"),
        (_direct(limits={"usage_tier": "unknown"}), "limits", "account"),
        (_direct(limits={"recorded": OLD}), "limits", "account"),
        (_direct(verification={"state": "unverified", "recorded_on": str(TODAY)}), "verification", "verification"),
        (_direct(model_mapping={"statement": "unknown"}), "mapping", "route"),
        (_direct(support={"owner": "unknown"}), "ownership", "route"),
        (_direct(data={"training": "unknown"}), "data", "route"),
        (able(lambda it: it.pop("catalogue")), "reproduction", "route"),
    ],
)
def test_what_is_not_recorded_stops_before_anything_is_spent(
    place: Place, configuration: Configuration, step: str, owner: str
) -> None:
    """Also where no gateway runs, and although spending was allowed."""
    place.write(configuration)
    done = run("ready", "first", "--live", "--format", "json", environment=_environment(place))
    assert done.returncode == 1, done.stderr
    (walk,) = json.loads(done.stdout)["routes"]
    assert (walk["stopped_at"], walk["owner"]) == (step, owner)
    assert control(place.openai.url, "stats")["requests"] == 0


def test_a_provider_that_cannot_be_reached_costs_nothing(place: Place) -> None:
    """It is a note where the models are listed, and a stop where an image is asked for."""
    place.write(ABLE)
    environment = _environment(place) | {"SIMULATED_OPENAI_URL": "http://127.0.0.1:1/v1"}
    done = run("ready", "first", "--live", "--format", "json", environment=environment)
    (walk,) = json.loads(done.stdout)["routes"]
    assert (done.returncode, walk["stopped_at"], walk["owner"]) == (1, "minimal", "provider")
    assert (states(walk)["listed"], walk["spent"]["amount"]) == ("warned", "0.00")
    assert "127.0.0.1" not in done.stdout


def test_a_walk_without_a_gateway_counts_once_one_starts(place: Place) -> None:
    """It is booked in the ledger and kept beside it."""
    place.write(ABLE)
    environment = _environment(place)
    done = run("ready", "first", "--live", environment=environment | {"OPENAI_ORG_ID": "org-of-someone-else"})
    assert done.returncode == 0, done.stderr
    assert "openai-organization" not in control(place.openai.url, "stats")["last_request"]["headers"]
    assert "proven by paid requests" in done.stdout
    assert "gateway-ready" in run("requests", environment=environment).stdout
    program = start("serve", log=place.folder / "gateway.log", environment=environment)
    try:
        assert readiness(House(place.openai, place.atlas, program, environment))["verdict"] == "ready"
    finally:
        program.stop()


def _requiring(configuration: Configuration) -> None:
    configuration["routes"]["first"]["require_ready"] = True
    configuration["models"]["gpt-image-2"]["routes"] = ["first"]


async def test_a_route_that_requires_readiness_serves_only_once_it_is_proven(place: Place) -> None:
    """It is dropped with its reason and remedy until a paid walk has passed, and again after one has failed."""
    with place.gateway(able(_requiring)) as house:
        async with house.client(KEY) as app:
            answer, said = await ask(app, size="1024x1024")
            assert (answer.status, answer.headers["x-gateway-owner"]) == (503, "route")
            assert "not ready" in said["error"]["message"]
            assert "gateway ready ROUTE --live" in said["gateway"]["first_check"]
            shown = tell(f"{house.admin_url}/routes")[1]["routes"][0]
            assert (shown["state"], shown["readiness"]["verdict"]) == ("not_ready", "unproven")
            tell(f"{house.admin_url}/routes/first/override", "DELETE", WORD)
            assert (await ask(app, size="1024x1024"))[0].status == 503
            assert walked(house, WORD)["ready"]
            assert (await ask(app, size="1024x1024"))[0].status == 503
            assert walked(house, LIVE)["ready"]
            assert (await ask(app, size="1024x1024"))[0].status == 200
            control(place.openai.url, "faults", "POST", VERIFICATION | {"times": 1})
            assert not walked(house, LIVE)["ready"]
            assert (await ask(app, size="1024x1024"))[0].status == 503
