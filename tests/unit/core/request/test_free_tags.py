"""Free tags: what finance gets, and what is refused."""

import pytest

from gateway.core.outcome import Refusal
from gateway.core.request.free_tags import parse_tags


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("", ()),
        ("campaign=autumn", (("campaign", "autumn"),)),
        (" season = 2026 , campaign=a b/c ,", (("campaign", "a b/c"), ("season", "2026"))),
        ("campaign=a, campaign=b", (("campaign", "b"),)),
    ],
)
def test_free_tags_are_read(header: str, tags: tuple[tuple[str, str], ...]) -> None:
    """Sorted pairs, each key once."""
    assert parse_tags(header, frozenset({"campaign", "season"})) == tags


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("campaign", "not KEY=VALUE"),
        ("campaign=", "not KEY=VALUE"),
        ("campaign=" + "x" * 65, "1 to 64"),
        ("campaign=ü", "not KEY=VALUE"),
        ("team=x", "Allowed: campaign"),
        (",".join(f"k{i}=1" for i in range(9)), "at most 8"),
    ],
)
def test_other_free_tags_are_refused(header: str, words: str) -> None:
    """The error names the header and the rule."""
    allowed = frozenset({f"k{i}" for i in range(9)}) if header.startswith("k0") else frozenset({"campaign"})
    with pytest.raises(Refusal) as caught:
        parse_tags(header, allowed)
    assert caught.value.param == "x-gateway-tag"
    assert words in caught.value.message


def test_an_app_without_tags_may_send_none() -> None:
    """The error says so."""
    with pytest.raises(Refusal, match="Allowed: none"):
        parse_tags("campaign=x", frozenset())
