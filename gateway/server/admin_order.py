"""What operators may write on the admin plane: read and checked, or refused with field, rule and fix."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.requests import ClientDisconnect, Request

from gateway.core.outcome import Refusal
from gateway.core.readiness.live import budget_of
from gateway.engine.routes.overrides import OVERRIDE_S_MAX, Standing
from gateway.relay.request_json import MalformedBody, request_object

BODY_BYTES_MAX = 16 * 1024
BODY_WAIT_S_MAX = 10.0
TEXT_CHARS_MAX = 500
DEFAULT_S = 1800.0
ENABLED = "enabled"


class Unacceptable(Exception):
    """What is asked for is not done. ``field`` is the member or header at fault, empty where there is none."""

    def __init__(self, status: int, detail: str, *, rule: str, fix: str, field: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.rule, self.fix, self.field = status, detail, rule, fix, field


@dataclass(frozen=True, slots=True)
class Word:
    """Who gives an order, in their own words, and why."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class OverrideOrder:
    """``state`` is ``None`` where an override is to be lifted."""

    state: Standing | None
    for_s: float
    word: Word


async def override_order(request: Request) -> OverrideOrder:
    """The body of ``POST /routes/{id}/override``; raises ``Unacceptable``."""
    members = await members_of(request, ("state", "for_s", "why", "who"))
    state, for_s = members.get("state"), members.get("for_s", DEFAULT_S)
    states = (*Standing, ENABLED)
    if state not in states:
        known = ", ".join(states)
        raise Unacceptable(
            422, "The state is not one of a route's.", field="state", rule=f"one of {known}", fix="Send one of these."
        )
    if isinstance(for_s, bool) or not isinstance(for_s, int | float) or not 0 < for_s <= OVERRIDE_S_MAX:
        rule = f"a number of seconds, above 0 and at most {OVERRIDE_S_MAX} (7 days)"
        fix = "Send a shorter time; what is to last belongs into the configuration: routes.ID.state."
        raise Unacceptable(422, "The override does not last so long.", field="for_s", rule=rule, fix=fix)
    return OverrideOrder(None if state == ENABLED else Standing(str(state)), float(for_s), word_of(members))


@dataclass(frozen=True, slots=True)
class ReadyOrder:
    """``budget`` is ``None`` where nothing may be spent."""

    budget: Decimal | None
    word: Word


async def ready_order(request: Request) -> ReadyOrder:
    """The body of ``POST /routes/{id}/ready``; raises ``Unacceptable``."""
    members = await members_of(request, ("live", "budget", "why", "who"))
    live, budget = members.get("live", False), members.get("budget")
    if not isinstance(live, bool):
        raise Unacceptable(422, "'live' is malformed.", field="live", rule="true or false", fix="true lets the walk spend money.")
    if not live:
        return ReadyOrder(None, word_of(members))
    try:
        return ReadyOrder(budget_of(budget if isinstance(budget, str) else ""), word_of(members))
    except ValueError as error:
        fix = 'Send it as a text: "0.50", in the currency of the route\'s price list.'
        raise Unacceptable(422, "'budget' is missing or malformed.", field="budget", rule=str(error), fix=fix) from error


async def word(request: Request) -> Word:
    """The body of ``DELETE /routes/{id}/override`` and of ``POST /config/reload``; raises ``Unacceptable``."""
    return word_of(await members_of(request, ("why", "who")))


def word_of(members: Mapping[str, Any]) -> Word:
    """Who gives the order, and why; raises ``Unacceptable``."""
    return Word(_text(members, "who", "Say who you are."), _text(members, "why", "Say why: it stands in the audit log."))


def _text(members: Mapping[str, Any], field: str, fix: str) -> str:
    text = members.get(field)
    if not isinstance(text, str) or not 0 < len(text.strip()) <= TEXT_CHARS_MAX or not text.strip().isprintable():
        rule = f"a text of 1 to {TEXT_CHARS_MAX} printable characters, on one line"
        raise Unacceptable(422, f"'{field}' is missing or malformed.", field=field, rule=rule, fix=fix)
    return text.strip()


async def members_of(request: Request, known: tuple[str, ...], bytes_max: int = BODY_BYTES_MAX) -> Mapping[str, Any]:
    """The body's object; raises ``Unacceptable``.

    A page that an operator's browser shows must not be able to write: it can send neither this type nor without an
    origin.
    """
    if "origin" in request.headers:
        rule, fix = "no browser writes here", "Use the command `gateway routes`, or another HTTP client."
        raise Unacceptable(403, "The request comes from a web page.", field="origin", rule=rule, fix=fix)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        fix = "Send the body as JSON, with the header content-type: application/json."
        raise Unacceptable(415, "The body is not JSON.", field="content-type", rule="application/json", fix=fix)
    try:
        members = request_object(await _body(request, bytes_max), values_max=bytes_max)
    except (MalformedBody, Refusal) as error:
        raise Unacceptable(400, f"The body is not valid JSON: {error}.", rule="a JSON object", fix=_listed(known)) from error
    if unknown := next((name for name in members if name not in known), None):
        raise Unacceptable(
            422,
            "The body has a member that means nothing here.",
            field=unknown[:100],
            rule="known members only",
            fix=_listed(known),
        )
    return members


async def _body(request: Request, bytes_max: int) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(BODY_WAIT_S_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bytes_max:
                    rule = f"at most {bytes_max} bytes"
                    raise Unacceptable(413, "The body is too large.", rule=rule, fix="Send only what is needed.")
    except TimeoutError as error:
        rule = f"within {BODY_WAIT_S_MAX:g} s"
        raise Unacceptable(408, "The body did not arrive in time.", rule=rule, fix="Send it again.") from error
    except ClientDisconnect as error:
        raise Unacceptable(
            400, "The client left before its body was complete.", rule="a whole body", fix="Send it again."
        ) from error
    return body


def _listed(known: tuple[str, ...]) -> str:
    return f"Its members: {', '.join(known)}."
