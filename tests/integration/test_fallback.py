"""What happens to a request whose first route fails, or may not serve it: real processes, real faults."""

import json
from typing import Any

import pytest

from tests.integration.programs import House, control, run
from tests.integration.two_contracts import KEY, OTHER_KEY, WISH, Configuration, Place, ask, changed

RATE_LIMITED = {"code": "rate_limit_exceeded", "type": "input-images", "message": "slow down"}
OVERLOADED = {"type": "server_error", "message": "The server is overloaded."}
MODERATED = {"code": "moderation_blocked", "type": "image_generation_user_error", "message": "rejected by the safety system"}


def fallback(**more: Any) -> Configuration:
    """A model that goes on to the reseller, and an app that has consented to another biller."""

    def change(found: Configuration) -> None:
        found["models"]["gpt-image-2"]["fallback"] = {"on": ["rate_limit", "provider"], "to": ["reseller"]} | more
        found["apps"]["shop"]["biller_change"] = True

    return changed(change)


def status(code: int, error: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "status", "status": code, "error": error} | more


async def asked(house: House, **wish: Any) -> tuple[Any, dict[str, Any]]:
    async with house.client(KEY) as app:
        return await ask(app, **wish)


async def test_a_fallback_serves_and_names_the_failure_that_it_follows(place: Place) -> None:
    """Headers, body, ledger, log and metrics all say who served, who failed before, and whose failure it was (law 6)."""
    with place.gateway(fallback()) as house:
        house.fault(**status(429, RATE_LIMITED))
        answer, body = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"]) == (200, "reseller@1")
        assert answer.headers["x-gateway-attempts"] == "2"
        assert answer.headers["x-gateway-fallback"] == "from=direct; owner=rate_limit"
        assert body["gateway"]["fallback"] == {"from": "direct", "owner": "rate_limit"}
        entries = house.entries(answer.headers["x-gateway-request-id"])
        assert [(it["contract"], it["kind"]) for it in entries] == [
            ("direct", "reserve"),
            ("direct", "void"),
            ("reseller", "reserve"),
            ("reseller", "settle"),
        ]
        (line,) = await house.logged(lambda line: line["event"] == "request")
        assert [(it["contract"], it["owner"]) for it in line["failed"]] == [("direct@1", "rate_limit")]
        async with house.client() as app, app.get(f"{house.admin_url}/metrics") as exposition:
            text = await exposition.text()
        assert (
            'gateway_fallbacks_total{from_contract="direct",model="gpt-image-2",owner="rate_limit",to_contract="reseller"} 1.0'
            in text
        )
        assert 'gateway_attempts_total{contract="direct",outcome="rejected",owner="rate_limit"} 1.0' in text


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (status(400, MODERATED), 400),
        (status(400, {"message": "Invalid size", "type": "invalid_request_error", "param": "size"}), 400),
        (status(500, {"message": "failed", "type": "server_error"}), 500),
        ({"kind": "empty_data"}, 503),
    ],
    ids=["moderation", "request_shape", "ambiguous_status", "ambiguous_body"],
)
async def test_what_the_caller_owns_or_may_have_been_billed_goes_nowhere_else(
    place: Place, fault: dict[str, Any], code: int
) -> None:
    """No second provider sees a rejected prompt, and no second image is paid for."""
    with place.gateway(fallback()) as house:
        house.fault(**fault)
        answer, _ = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"], answer.headers["x-gateway-attempts"]) == (
            code,
            "direct@1",
            "1",
        )
        assert answer.headers["x-should-retry"] == "false"
        assert place.served()[1] == 0


async def test_a_contract_can_accept_that_a_second_image_is_paid_for(place: Place) -> None:
    """With on_ambiguous: retry the fallback follows an ambiguous attempt, and the first one stays in the books as exposure."""
    configuration = fallback()
    configuration["contracts"]["direct"]["failure"]["on_ambiguous"] = "retry"
    with place.gateway(configuration) as house:
        house.fault(**status(500, {"message": "failed", "type": "server_error"}))
        answer, _ = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"]) == (200, "reseller@1")
        kinds = [entry["kind"] for entry in house.entries(answer.headers["x-gateway-request-id"])]
        assert kinds == ["reserve", "expire", "reserve", "settle"]


async def test_nobody_is_billed_by_another_party_without_the_apps_consent(place: Place) -> None:
    """The failure is the answer."""
    configuration = fallback()
    configuration["apps"]["shop"]["biller_change"] = False
    with place.gateway(configuration) as house:
        house.fault(**status(429, RATE_LIMITED))
        answer, _ = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"], place.served()[1]) == (429, "direct@1", 0)


async def test_a_slow_failure_causes_no_fallback_where_only_fast_ones_may(place: Place) -> None:
    """A caller that has waited long is not made to wait twice."""
    with place.gateway(fallback(failed_within_s=0.2)) as house:
        house.fault(kind="latency", ms=300)
        house.fault(**status(429, RATE_LIMITED))
        answer, _ = await asked(house)
        assert (answer.status, place.served()[1]) == (429, 0)
        control(place.openai.url, "faults", "DELETE")


async def test_the_same_route_is_tried_again_after_the_wait_that_the_provider_asks_for(place: Place) -> None:
    """A retry is no fallback: same contract, two attempts, and the answer comes after the wait."""

    def change(found: Configuration) -> None:
        found["models"]["gpt-image-2"]["retries"] = {"times_max": 1}

    with place.gateway(changed(change)) as house:
        house.fault(**status(503, OVERLOADED, times=1, headers={"retry-after-ms": "200"}))
        answer, _ = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"], answer.headers["x-gateway-attempts"]) == (
            200,
            "direct@1",
            "2",
        )
        assert "x-gateway-fallback" not in answer.headers
        (line,) = await house.logged(lambda line: line["event"] == "request")
        assert line["duration_ms"] >= 200


async def test_a_route_that_keeps_failing_is_left_alone(place: Place) -> None:
    """After five failures of the provider's the next request does not ask it, and operators see why."""
    with place.gateway(fallback()) as house:
        house.fault(**status(503, OVERLOADED))
        for _ in range(5):
            answer, _ = await asked(house)
            assert answer.headers["x-gateway-contract"] == "reseller@1"
        before = place.served()[0]
        answer, _ = await asked(house)
        assert (answer.status, answer.headers["x-gateway-attempts"], place.served()[0] - before) == (200, "1", 0)
        async with house.client() as app, app.get(f"{house.admin_url}/metrics") as exposition:
            assert 'gateway_route_held{reason="breaker",route="first"} 1.0' in await exposition.text()
        async with house.client() as app, app.get(f"{house.admin_url}/routes") as listed:
            (first,) = [route for route in (await listed.json())["routes"] if route["id"] == "first"]
        assert (first["state"], first["breaker"]["apps"]) == ("ejected", ["shop"])


async def test_a_provider_that_asks_to_be_left_alone_is(place: Place) -> None:
    """A 429 with retry-after parks the route: the next request goes elsewhere at once."""
    with place.gateway(fallback()) as house:
        house.fault(**status(429, RATE_LIMITED, times=1, headers={"retry-after": "30"}))
        first, _ = await asked(house)
        second, _ = await asked(house)
        assert [it.headers["x-gateway-attempts"] for it in (first, second)] == ["2", "1"]
        assert second.headers["x-gateway-contract"] == "reseller@1"
        assert place.served()[0] == 1


async def test_a_split_serves_each_end_user_from_one_contract(place: Place) -> None:
    """Both contracts get a share, and whoever comes back meets the same one."""

    def change(found: Configuration) -> None:
        found["models"]["gpt-image-2"]["split"] = {"first": 1, "second": 1}

    with place.gateway(changed(change)) as house:
        served = [
            [(await asked(house, user=f"u{user}"))[0].headers["x-gateway-contract"] for _ in range(2)] for user in range(20)
        ]
        assert all(one == other for one, other in served)
        assert {one for one, _ in served} == {"direct@1", "reseller@1"}


async def test_the_cheapest_contract_is_asked_first(place: Place) -> None:
    """By what this request can cost there."""

    def change(found: Configuration) -> None:
        found["models"]["gpt-image-2"]["cheapest_first"] = True
        found["price_lists"]["cheap"] = found["price_lists"]["usd"] | {"models": {"gpt-image-2": {"per_request": 0.4}}}
        found["contracts"]["reseller"]["price_list"] = "cheap"

    with place.gateway(changed(change)) as house:
        answer, _ = await asked(house)
        assert (answer.headers["x-gateway-contract"], answer.headers["x-gateway-cost"]) == ("reseller@1", "0.40")


async def test_a_caller_may_narrow_its_contracts_and_never_widen_them(place: Place) -> None:
    """x-gateway-require-contract picks among those that the app may use; one beyond them is refused."""

    def change(found: Configuration) -> None:
        found["apps"]["press"]["contracts"] = ["direct"]

    with place.gateway(changed(change)) as house:
        async with house.client(KEY) as app:
            app.headers["x-gateway-require-contract"] = "reseller"
            answer, _ = await ask(app)
            assert answer.headers["x-gateway-contract"] == "reseller@1"
            app.headers["authorization"] = "Bearer igw_press_0000_not_a_secret"
            answer, body = await ask(app)
            assert (answer.status, answer.headers["x-gateway-owner"]) == (400, "caller")
            assert "reseller" in body["error"]["message"]
            app.headers["x-gateway-require-contract"] = "direct"
            answer, _ = await ask(app)
            assert answer.headers["x-gateway-contract"] == "direct@1"


async def test_a_parameter_that_no_route_can_honour_is_refused_by_its_name(place: Place) -> None:
    """Before anything is sent, with the member that it is about; a route that can honour it gets it."""

    def change(found: Configuration) -> None:
        found["routes"]["first"]["capabilities"] = {"qualities": ["low"], "n_max": 1}
        found["routes"]["second"]["capabilities"] = {"qualities": ["low", "high"], "n_max": 1}

    with place.gateway(changed(change)) as house:
        answer, _ = await asked(house, quality="high")
        assert answer.headers["x-gateway-contract"] == "reseller@1"
        answer, body = await asked(house, n=2)
        assert (answer.status, body["error"]["param"], answer.headers["x-gateway-owner"]) == (400, "n", "request_shape")
        assert place.served() == (0, 1)


EDITS = "/v1/images/edits"
LINK = "https://pictures.example/private/cat.png"


async def test_one_app_s_bad_requests_move_nobody_else(place: Place) -> None:
    """Its links that cannot be fetched are its own failure; whatever else fails for it alone is held for it alone."""
    with place.gateway(fallback()) as house:
        for error in ({"message": f"Failed to download image from {LINK}: 404"}, {"message": "failed", "type": "server_error"}):
            house.fault(**status(500, error, times=5))
            for _ in range(5):
                body = {**WISH, "images": [{"image_url": LINK}]}
                async with house.client(KEY) as app, app.post(EDITS, json=body) as answer:
                    found = await answer.json()
                own = "download" in error["message"]
                assert (answer.status, found["gateway"]["owner"]) == ((400, "request_shape") if own else (500, "provider"))
                assert answer.headers["x-gateway-attempts"] == "1"
        async with house.client(OTHER_KEY) as app:
            answer, _ = await ask(app)
        assert (answer.status, answer.headers["x-gateway-contract"]) == (200, "direct@1")
        answer, _ = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"]) == (200, "reseller@1")
        async with house.client() as admin, admin.get(f"{house.admin_url}/routes") as shown:
            first = (await shown.json())["routes"][0]
        assert first["breaker"]["apps"] == ["shop"]
        assert first["holds"][0]["what"].endswith("(for the app 'shop' alone)")


DRAIN = {"who": "ada", "why": "a drill", "state": "draining"}


async def _drained(house: House) -> None:
    async with house.client() as admin, admin.post(f"{house.admin_url}/routes/first/override", json=DRAIN) as answer:
        assert answer.status == 200


async def test_the_breaker_moves_nobody_whom_a_failure_would_not_move(place: Place) -> None:
    """``on: [rate_limit]`` means only that, most of all in an outage: the provider's failures stay the provider's."""
    with place.gateway(fallback(on=["rate_limit"])) as house:
        house.fault(**status(503, OVERLOADED, times=12))
        for _ in range(12):
            answer, _ = await asked(house)
            assert (answer.status, answer.headers["x-gateway-contract"]) == (503, "direct@1")
        assert place.served()[1] == 0


async def test_a_route_taken_out_by_hand_is_left_with_permission_only_and_the_answer_says_so(place: Place) -> None:
    """The model's policy names ``route``, the app consents: then the tag, the log and the metrics say what was covered."""
    with place.gateway(fallback(on=["rate_limit"])) as house:
        await _drained(house)
        answer, body = await asked(house)
        assert (answer.status, answer.headers["x-gateway-owner"]) == (503, "route")
        assert "a failure of owner 'route' causes no fallback" in body["error"]["message"]
    with place.gateway(fallback(on=["route"]), name="two") as house:
        await _drained(house)
        async with house.client(OTHER_KEY) as app:
            answer, body = await ask(app)
        assert answer.status == 503
        assert "the app has not consented to another biller" in body["error"]["message"]
        answer, body = await asked(house)
        assert (answer.status, answer.headers["x-gateway-contract"]) == (200, "reseller@1")
        assert answer.headers["x-gateway-fallback"] == "from=direct; owner=route; held=override"
        assert body["gateway"]["fallback"] == {"from": "direct", "owner": "route", "held": "override"}
        async with house.client() as admin, admin.get(f"{house.admin_url}/metrics") as exposition:
            text = await exposition.text()
        assert 'gateway_masked_failures_total{contract="direct",owner="route"} 1.0' in text
        report = json.loads(run("masked", "--format", "json", environment=house.environment).stdout)
        assert [(it["contract"], it["owner"], it["requests"], it["held"]) for it in report["masked"]] == [
            ("direct", "route", 1, 1)
        ]
        assert report["masked"][0]["extra"] == [{"amount": "0.00", "currency": "USD"}]
        lines = await house.logged(lambda line: line["event"] == "request" and line["status"] == 200)
        assert lines[0]["fallback"] == {"from": "direct", "owner": "route", "held": "override"}


@pytest.mark.parametrize(
    "more",
    [
        {"image": LINK},
        {"images": [{"image_url": LINK}]},
        {"reference_images": ["data:image/png;base64,iVBORw0KGgo="]},
        {"extra": {"control": {"source": LINK}}},
        {"mask": "data:image/png;base64,iVBORw0KGgo="},
    ],
    ids=["image", "images", "reference_images", "deep", "mask"],
)
async def test_a_generation_s_images_pass_the_data_gate_as_those_of_an_edit_do(place: Place, more: dict[str, Any]) -> None:
    """Whatever they are called: nothing is sent where the app's policy does not let its images go."""

    def change(found: Configuration) -> None:
        found["apps"]["shop"]["data_policy"] = {"reference_images": {"training": False}}

    with place.gateway(changed(change)) as house:
        answer, body = await asked(house, **more)
        assert (answer.status, answer.headers["x-gateway-owner"]) == (403, "app_policy")
        assert "reference images" in body["error"]["message"]
        assert place.served() == (0, 0)
        answer, _ = await asked(house)
        assert answer.status == 200
