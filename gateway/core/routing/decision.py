"""A routing decision as it is kept: enough to plan the request again, nothing that its caller wrote or sent."""

import re
from dataclasses import dataclass
from datetime import datetime

from gateway.core.outcome import Refusal
from gateway.core.request.images import ImageRequest, Operation, TextWish
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.placement import NAME_CHARS_SHOWN
from gateway.core.routing.plan import Plan
from gateway.core.snapshot import App

MEMBERS_MAX = 64
# What a member of the Images API can be called; anything else is the caller's own text, and no capability names it.
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Decision:
    """What was asked, by which app (id), and where it would go first: no prompt, no image, no end user, no body.

    ``model`` and ``required_contract`` stand as asked, ``members`` are names only, ``draw`` is the number that stood for who
    asked. ``route`` and ``contract`` are ids, empty where the request was ``refused`` (an error code). ``estimate`` is a
    decimal text or ``unknown``. ``at`` is aware, in UTC. The last two members are those of a response, see ``images.TextWish``.
    """

    at: datetime
    app: str
    model: str
    operation: Operation
    prompt_bytes: int
    n: int
    size: str
    quality: str
    output_format: str
    background: str
    stream: bool
    partial_images: int
    references: int
    members: tuple[str, ...]
    required_contract: str
    draw: int
    revision: str
    route: str = ""
    contract: str = ""
    estimate: str = ""
    currency: str = ""
    refused: str = ""
    image_model: str = ""
    output_tokens_max: int | None = None


def decision_of(request: ImageRequest, app: App, revision: str, conditions: Conditions, found: Plan | Refusal) -> Decision:
    """What is kept of a plan, or of the refusal in its place; ``revision`` is the snapshot's."""
    route = contract = estimate = currency = refused = ""
    text = request.text or TextWish()
    if isinstance(found, Refusal):
        refused = found.code
    else:
        first = found.candidates[0]
        cost = first.estimate
        route, contract, estimate, currency = first.route.id, first.route.contract.id, cost.text, cost.currency
    return Decision(
        at=conditions.now,
        app=app.id,
        model=_asked(request.model),
        operation=request.operation,
        prompt_bytes=request.prompt_bytes,
        n=request.n,
        size=request.size,
        quality=request.quality,
        output_format=request.output_format,
        background=request.background,
        stream=request.stream,
        partial_images=request.partial_images,
        references=request.references,
        members=_kept(request.members),
        required_contract=_asked(request.contract),
        draw=conditions.draw,
        revision=revision,
        route=route,
        contract=contract,
        estimate=estimate,
        currency=currency,
        refused=refused,
        image_model=_asked(text.image_model),
        output_tokens_max=text.output_tokens_max,
    )


def request_of(decision: Decision) -> ImageRequest:
    """The request as the planner sees it; who asked is in the decision's ``draw``."""
    return ImageRequest(
        operation=decision.operation,
        model=decision.model,
        prompt_bytes=decision.prompt_bytes,
        n=decision.n,
        size=decision.size,
        quality=decision.quality,
        output_format=decision.output_format,
        stream=decision.stream,
        partial_images=decision.partial_images,
        references=decision.references,
        background=decision.background,
        members=frozenset(decision.members),
        contract=decision.required_contract,
        text=TextWish(decision.image_model, decision.output_tokens_max) if decision.operation is Operation.RESPONSE else None,
    )


def _asked(name: str) -> str:
    """No name of a configuration is longer, and half a character cannot be written."""
    return name[:NAME_CHARS_SHOWN].encode("utf-8", "replace").decode()


def _kept(members: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(filter(_MEMBER.fullmatch, members))[:MEMBERS_MAX])
