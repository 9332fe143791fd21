"""The story of one request as people read it: what was asked, planned, attempted, paid and answered, and what belongs to it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

_Members = Mapping[str, Any]
_ENDS = {
    "running": "running, or left open by a process that has died",
    "finished": "delivered",
    "failed": "failed, and cost nothing",
    "ambiguous": "nobody knows whether it was delivered and billed",
    "repeated": "got the result of an earlier request",
    "refused": "refused before anything was sent",
}


def story_table(story: _Members) -> RenderableType:
    """``story`` is its document. Long lines are folded, never cut."""
    title = Text(f"Request {story['request_id']}: {_ENDS[story['status']]}")
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for label, text in _lines(story):
        table.add_row(label, Text(text))
    return table


def _lines(story: _Members) -> Iterator[tuple[str, str]]:
    yield "asked", _asked(story["asked"])
    if story["plan"] is not None:
        yield from _plan(story["plan"])
    for attempt in story["attempts"]:
        yield f"attempt {attempt['attempt']}", _attempt(attempt)
        for difference in attempt["discrepancies"]:
            yield "", difference
        for it in attempt["adjustments"]:
            yield "", f"adjusted by {it['amount']} {it['currency']} at {_moment(it['time'])}: {it['reason']}"
    for money in story["money"]:
        yield "money", _money(money)
    if (tag := story["tag"]) is not None:
        fallback = f", a fallback from {tag['fallback_from']}" if tag["fallback_from"] else ""
        yield "tag", f"contract {tag['contract']}, billed by {tag['billing_owner']}, route {tag['route']}{fallback}"
    if (refusal := story["refusal"]) is not None:
        yield "told", f"status {refusal['status']}, owner {refusal['owner']} (rule {refusal['rule']})"
        yield "", f"First: {refusal['first_check']}"
    yield from _links(story)


def _links(story: _Members) -> Iterator[tuple[str, str]]:
    """What belongs to it, and the command that shows more."""
    if (original := story["original"]) is not None:
        saved = f"saved {original['saved']} {original['currency']}"
        yield (
            "original",
            f"{original['original_request_id']} ({original['how']}, {saved}): gateway requests {original['original_request_id']}",
        )
    for repeat in story["repeats"]:
        yield "repeat", f"{repeat['request_id']} at {_moment(repeat['time'])} ({repeat['how']})"
    if story["evidence"] is not None:
        yield "evidence", f"gateway evidence {story['request_id']}"
    if count := len(story["entries"]):
        yield "ledger", f"{count} entries: gateway requests {story['request_id']} --entries"


def _asked(asked: _Members) -> str:
    who = f"by {asked['app']}" if asked["app"] else "by an unknown app"
    team = f" (team {asked['team']})" if asked["team"] else ""
    at = "" if asked["at"] is None else f"{_moment(asked['at'])} "
    words = [asked["model"], asked["operation"], *(f"{name} {asked[name]}" for name in ("size", "quality") if asked[name])]
    if asked["images"] is not None:
        words.append("1 image" if asked["images"] == 1 else f"{asked['images']} images")
    words += [f"{name}={value}" for name, value in asked["tags"].items()]
    return f"{at}{who}{team}: {', '.join(filter(None, words))}"


def _plan(plan: _Members) -> Iterator[tuple[str, str]]:
    tried = [f"{it['route']} under {it['contract']}" for it in plan["candidates"]]
    yield "plan", ", then ".join(tried) or "no route"
    for drop in plan["dropped"]:
        yield "", f"not {drop['route']}: {drop['what'] or drop['reason']} (owner {drop['owner']})"


def _attempt(it: _Members) -> str:
    owner = f", owner {it['owner']}" if it["owner"] else ""
    theirs = f", provider's id {it['upstream_request_id']}" if it["upstream_request_id"] else ""
    took = ""
    if it["ended_at"] is not None:
        took = f" after {(datetime.fromisoformat(it['ended_at']) - datetime.fromisoformat(it['begun_at'])).total_seconds():.1f} s"
    return f"{it['outcome']}{took}: {it['route']} at {it['provider']} under {it['contract']}{owner}{theirs}; {_money(it)}"


def _money(it: _Members) -> str:
    named = (("cost", "cost"), ("exposure", "may still be billed"), ("adjusted", "adjusted by"))
    said = [f"{words} {it[name]} {it['currency']}" for name, words in named if it[name] is not None]
    return ", ".join(said)


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
