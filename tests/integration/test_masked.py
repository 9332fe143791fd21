"""A contract that fails behind another one's success: `gateway masked` and the metrics still name it."""

import json
from typing import Any

from tests.integration.programs import House, control, run
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed

BROKE = {"code": "insufficient_quota", "type": "insufficient_quota", "message": "You exceeded your current quota."}
FAILED = {"type": "server_error", "message": "failed"}


def _covering(found: Configuration) -> None:
    """The reseller costs 0.62 where the direct contract costs 0.5, and serves whatever fails there."""
    usd = found["price_lists"]["usd"]
    found["price_lists"]["dearer"] = usd | {"models": {"gpt-image-2": {"per_request": 0.62}}}
    found["contracts"]["reseller"]["price_list"] = "dearer"
    found["contracts"]["direct"]["failure"]["on_ambiguous"] = "retry"
    found["models"]["gpt-image-2"]["fallback"] = {"on": ["account", "provider"], "to": ["reseller"]}
    found["apps"]["shop"]["biller_change"] = True


async def test_a_covered_contract_is_named_with_what_the_cover_cost(place: Place) -> None:
    """By owner, with count, first and last time, evidence and exact money, in the report and in the metric."""
    with place.gateway(changed(_covering)) as house:
        nothing = _run(house, "masked")
        assert nothing.strip() == "No failure was covered by another contract."
        house.fault(kind="status", status=429, error=BROKE)
        served = [await _served(house) for _ in range(2)]
        control(place.openai.url, "faults", "DELETE")
        house.fault(kind="status", status=500, error=FAILED, times=1)
        ambiguous = await _served(house)
        assert (await _served(house, "direct@1"))["x-gateway-attempts"] == "1"

        report = json.loads(_run(house, "masked", "--since", "1h", "--format", "json"))
        account, provider = report["masked"]
        ids = [headers["x-gateway-request-id"] for headers in served]
        assert {name: account[name] for name in ("contract", "owner", "requests", "covered_by", "extra", "unknown_extras")} == {
            "contract": "direct",
            "owner": "account",
            "requests": 2,
            "covered_by": ["reseller"],
            "extra": [{"amount": "0.24", "currency": "USD"}],
            "unknown_extras": 0,
        }
        failed_at = [_closed_at(house, request_id) for request_id in ids]
        assert (account["first"], account["last"]) == tuple(failed_at)
        assert account["evidence"] == [{"request_id": it, "path": f"/v1/gateway/requests/{it}/evidence"} for it in reversed(ids)]
        assert (provider["owner"], provider["requests"]) == ("provider", 1)
        assert provider["exposure"] == [{"amount": "0.50", "currency": "USD"}]

        async with house.client(KEY) as app, app.get(account["evidence"][0]["path"]) as evidence:
            assert evidence.status == 200
        table = _run(house, "masked")
        assert "+0.24 USD" in table
        assert f"direct, account: gateway evidence {ids[1]}" in table
        assert f"direct, provider: gateway evidence {ambiguous['x-gateway-request-id']}" in table

        assert "No failure" in _run(house, "masked", "--until", account["first"])
        without = changed(_covering)
        del without["routes"]["first"]
        without["models"]["gpt-image-2"] = {"routes": ["second"]}
        later = place.folder / "later.yaml"
        later.write_text(json.dumps(without))
        assert _run(house, "masked", "--config", str(later)) == table
        exposition = await _metrics(house)
        assert 'gateway_masked_failures_total{contract="direct",owner="account"} 2.0' in exposition
        assert 'gateway_masked_failures_total{contract="direct",owner="provider"} 1.0' in exposition
        assert 'gateway_masked_failures_total{contract="direct",owner="verification"} 0.0' in exposition
        assert 'gateway_masked_failures_total{contract="reseller",owner="account"} 0.0' in exposition


async def test_a_retry_under_the_same_contract_masks_nothing(place: Place) -> None:
    """What the failed contract itself delivers in the end is neither in the report nor in the metric."""

    def change(found: Configuration) -> None:
        _covering(found)
        found["models"]["gpt-image-2"]["retries"] = {"times_max": 1}

    with place.gateway(changed(change)) as house:
        house.fault(kind="status", status=503, error=FAILED, times=1, headers={"retry-after-ms": "10"})
        assert (await _served(house, "direct@1"))["x-gateway-attempts"] == "2"
        assert "No failure" in _run(house, "masked")
        assert 'gateway_masked_failures_total{contract="direct",owner="provider"}' not in await _metrics(house)


async def _served(house: House, contract: str = "reseller@1") -> Any:
    """The headers of a request that was served under that contract, and which say what it followed."""
    async with house.client(KEY) as app:
        answer, _ = await ask(app)
    assert (answer.status, answer.headers["x-gateway-contract"]) == (200, contract)
    assert answer.headers.get("x-gateway-fallback", "").startswith("from=direct; owner=") is (contract == "reseller@1")
    return answer.headers


def _closed_at(house: House, request_id: str) -> str:
    """When the first attempt was known to have failed, as the ledger has it."""
    (found,) = [it["time"] for it in house.entries(request_id) if (it["contract"], it["kind"]) == ("direct", "void")]
    return str(found)


def _run(house: House, *arguments: str) -> str:
    done = run(*arguments, environment=house.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def _metrics(house: House) -> str:
    async with house.client() as app, app.get(f"{house.admin_url}/metrics") as exposition:
        return await exposition.text()
