r"""A text is read as its reader would decode it, and each character's place in what is written is known."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.redaction.spelling import PASSES_MAX, spellings


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"a\/b", "a/b"),
        (r"a\\\/b", "a/b"),
        (r"\u0061\u003D\u002f", "a=/"),
        (r"\ud83d\ude00!", "\ud83d\ude00!"),
        (r"\x61\x2F", "a/"),
        ("%61%2f%2F%3D", "a//="),
        ("%252F", "/"),
        ("%25252F", "/"),
        ("&#x61;&#97;&#x2F&#47", "aa//"),
        ("&sol;&equals;&amp;", "/=&"),
        ("&amp;#x2F;", "/"),
        ("&nosuch;&fjlig;", "&nosuch;&fjlig;"),
        ("&#x110000;&#1114112;", "&#x110000;&#1114112;"),
        ("YWJj\r\n  ZGVm\n", "YWJjZGVm"),
        (r"YWJj\r\nZGVm", "YWJjZGVm"),
        ("100 % of & a \\", "100 % of & a \\"),
    ],
)
def test_each_escape_is_read(written: str, read: str) -> None:
    """JSON's, Python's, a URL's and HTML's, also within each other; what escapes nothing stays."""
    assert list(spellings(written))[-1][0] == read


def test_it_ends() -> None:
    """However often a text was escaped."""
    deep = "/"
    for _ in range(3 * PASSES_MAX):
        deep = quote(deep, safe="")
    assert len(list(spellings(deep))) == PASSES_MAX + 1


@given(st.text(), st.text(alphabet="ab/=+&%", min_size=1), st.text())
def test_places_lead_back(before: str, key: str, after: str) -> None:
    """Whatever stands around it, a part of what is read is found where it is written."""
    written = before + json.dumps(key)[1:-1].replace("/", "\\/") + after
    for text, places in spellings(written):
        assert len(places) == len(text) + 1
        assert places[-1] == len(written)
        assert list(places) == sorted(places)
