"""A text as its reader would decode it, with the place of each character in the text as it is written."""

import re
from collections.abc import Iterator, Sequence
from html.entities import html5

# Escapes within escapes: what is JSON within JSON within a URL is still read.
PASSES_MAX = 4
_ESCAPE = re.compile(
    r"""
      \\+u([0-9A-Fa-f]{4})                   # JSON, at any depth of quoting
    | \\+x([0-9A-Fa-f]{2})                   # Python, JavaScript
    | %([0-9A-Fa-f]{2})                      # URLs
    | &\#[xX]([0-9A-Fa-f]{1,6});?            # HTML
    | &\#([0-9]{1,7});?
    | &([A-Za-z]{2,8});
    | \\+([^0-9A-Za-z\s])                    # \/ and \"
    | (?:\\+[rn]|[ \t]*[\r\n][ \t]*)+        # where base64 is broken into lines
    """,
    re.VERBOSE,
)
_HEXADECIMAL, _DECIMAL, _NAMED, _QUOTED = frozenset({1, 2, 3, 4}), 5, 6, 7

Places = Sequence[int]


def spellings(text: str) -> Iterator[tuple[str, Places]]:
    """The text, then what it decodes to, then what that does: each with where its characters begin in ``text``, and its end."""
    places: Places = range(len(text) + 1)
    yield text, places
    for _ in range(PASSES_MAX):
        if not escaped(text):
            return
        decoded, places = _decoded(text, places)
        if decoded == text:
            return
        text = decoded
        yield text, places


def escaped(text: str) -> bool:
    """Whether there may be anything to decode."""
    return "\\" in text or "%" in text or "&" in text or "\n" in text or "\r" in text


def _decoded(text: str, places: Places) -> tuple[str, Places]:
    pieces: list[str] = []
    found: list[int] = []
    done = 0
    for escape in _ESCAPE.finditer(text):
        begin, end = escape.span()
        pieces.append(text[done:begin])
        found += places[done:begin]
        character = _character(escape)
        pieces.append(character)
        found += places[begin : begin + len(character)]
        done = end
    pieces.append(text[done:])
    found += places[done:]
    return "".join(pieces), found


def _character(escape: re.Match[str]) -> str:
    """What it stands for; what stands for nothing stays as it is written."""
    kind = escape.lastindex
    if kind is None:
        return ""
    if kind in _HEXADECIMAL or kind == _DECIMAL:
        number = int(escape[kind], 10 if kind == _DECIMAL else 16)
        return chr(number) if number <= 0x10FFFF else escape[0]
    if kind == _QUOTED:
        return escape[_QUOTED]
    named = html5.get(f"{escape[_NAMED]};", escape[0])
    return named if len(named) == 1 else escape[0]
