"""The fix for a misspelled word: the known word that is nearest."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``; ``None`` where none is alike."""
    found = get_close_matches(word, sorted(known), n=1)
    return found[0] if found else None


def suggestion(word: str, known: Iterable[str], *, kind: str) -> str:
    """``Did you mean 'x'?``, otherwise the words there are. ``kind`` names them, in the plural."""
    words = sorted(known)
    near = nearest(word, words)
    if near is not None:
        return f"Did you mean '{near}'?"
    return f"Known {kind}: {', '.join(words)}." if words else f"There are no {kind}."
