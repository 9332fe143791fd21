"""``POST /ledger/adjustments`` of the admin plane: a bounded batch of corrections, all of them or none."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from gateway.core.ledger.adjustment import Adjustment, Unbookable
from gateway.core.money.amount import Basis
from gateway.engine.money.adjusting import BATCH_MAX, Adjusting
from gateway.server.admin_order import Unacceptable, members_of, word_of

BATCH_BYTES_MAX = 512 * 1024
REFERENCE_CHARS_MAX = 200
REASON_CHARS_MAX = 500
# Whole nano-units of up to a million: far above any image, far below what the ledger can hold.
_AMOUNT = re.compile(r"-?[0-9]{1,7}(\.[0-9]{1,9})?")
_REFERENCE = re.compile(rf"[!-~]{{1,{REFERENCE_CHARS_MAX}}}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_BASES = (Basis.COMPUTED, Basis.REPORTED)
_MEMBERS = ("request_id", "attempt", "amount", "currency", "basis", "reference", "reason")


def admin_ledger_router(adjusting: Adjusting) -> APIRouter:
    """The body: ``who``, ``why`` and ``adjustments``, objects with the members of ``core.adjustment.Adjustment``."""
    router = APIRouter()

    @router.post("/ledger/adjustments")
    async def adjustments(request: Request) -> dict[str, int]:
        members = await members_of(request, ("who", "why", "adjustments"), BATCH_BYTES_MAX)
        said, ordered = word_of(members), _adjustments(members.get("adjustments"))
        client = request.client.host if request.client else "unknown"
        try:
            return asdict(await adjusting.post(ordered, who=said.who, why=said.why, client=client))
        except Unbookable as error:
            rule = "an adjustment corrects a closed attempt, in its currency, never below zero; all of a batch or none"
            raise Unacceptable(409, str(error), field="adjustments", rule=rule, fix=error.fix) from error

    return router


def _adjustments(listed: object) -> tuple[Adjustment, ...]:
    if not isinstance(listed, list) or not 0 < len(listed) <= BATCH_MAX:
        rule, fix = f"a list of 1 to {BATCH_MAX} objects", "Send further ones in another request."
        raise Unacceptable(422, "'adjustments' is missing or malformed.", field="adjustments", rule=rule, fix=fix)
    return tuple(_adjustment(item, f"adjustments[{index}]") for index, item in enumerate(listed))


def _adjustment(item: object, where: str) -> Adjustment:
    if not isinstance(item, dict) or sorted(item) != sorted(_MEMBERS):
        rule = f"an object with the members {', '.join(_MEMBERS)}"
        raise Unacceptable(422, "An adjustment is malformed.", field=where, rule=rule, fix="Send all of them, and no others.")
    attempt, basis = item["attempt"], item["basis"]
    if isinstance(attempt, bool) or not isinstance(attempt, int) or not 1 <= attempt <= 1_000:
        raise _malformed(where, "attempt", "a whole number from 1 to 1000")
    if basis not in _BASES:
        raise _malformed(where, "basis", f"one of {', '.join(_BASES)}")
    return Adjustment(
        request_id=_text(item, where, "request_id", _REFERENCE, f"1 to {REFERENCE_CHARS_MAX} visible ASCII characters"),
        attempt=attempt,
        amount=Decimal(_text(item, where, "amount", _AMOUNT, 'a decimal text such as "-0.125", at most 9 decimals')),
        currency=_text(item, where, "currency", _CURRENCY, "three capital letters by ISO 4217"),
        basis=Basis(basis),
        reference=_text(item, where, "reference", _REFERENCE, f"1 to {REFERENCE_CHARS_MAX} visible ASCII characters"),
        reason=_sentence(item["reason"], where),
    )


def _text(item: Mapping[str, Any], where: str, member: str, pattern: re.Pattern[str], rule: str) -> str:
    text = item[member]
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise _malformed(where, member, rule)
    return text


def _sentence(text: object, where: str) -> str:
    if not isinstance(text, str) or not 0 < len(text.strip()) <= REASON_CHARS_MAX or not text.isprintable():
        raise _malformed(where, "reason", f"1 to {REASON_CHARS_MAX} printable characters, on one line")
    return text.strip()


def _malformed(where: str, member: str, rule: str) -> Unacceptable:
    return Unacceptable(
        422, f"'{member}' is malformed.", field=f"{where}.{member}", rule=rule, fix="Correct it and send it again."
    )
