"""What is ours at a provider (key, account, address), in whatever form the provider repeats it: it must not get any further."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from gateway.core.redaction.secrets import MASK
from gateway.core.redaction.spelling import Places, escaped, spellings
from gateway.core.snapshot import ProviderSettings

# So many characters of a key in a row are no coincidence: also one that was cut off is found.
RUN_CHARS_MIN = 12
# What is shorter is no secret, and may be part of any word.
OURS_CHARS_MIN = 4
ENCODED_CHARS_MIN = 8
DEPTH_MAX = 32
_PROVIDERS_MAX = 512  # of the configurations that are in use at once; it only saves work


def ours_at(provider: ProviderSettings) -> "Ours":
    """What is ours there; the keys that it had before are, too."""
    secret = provider.credential
    return _ours((secret.reveal(), *secret.former), provider.organization or "", provider.project or "", provider.base_url)


@lru_cache(_PROVIDERS_MAX)
def _ours(keys: tuple[str, ...], organization: str, project: str, base_url: str) -> "Ours":
    address = urlsplit(base_url)
    host = address.hostname or ""
    # A name of one word may be part of any sentence.
    return Ours(keys, (organization, project, address.netloc, host if {".", ":"} & {*host} else ""))


class Ours:
    """``keys`` are found as they are and encoded, whole or in part; ``names`` (accounts, addresses) as they are."""

    def __init__(self, keys: Iterable[str], names: Iterable[str]) -> None:
        self._keys = tuple(dict.fromkeys(form for key in keys if len(key) >= OURS_CHARS_MIN for form in _forms(key)))
        self._names = tuple(sorted({it for it in names if len(it) >= OURS_CHARS_MIN}, key=len, reverse=True))
        # What is longer is found by its runs.
        self._exact = tuple(it for it in (*self._keys, *self._names) if it in self._names or len(it) < RUN_CHARS_MIN)
        self._runs = {key[at : at + RUN_CHARS_MIN] for key in self._keys for at in range(len(key) - RUN_CHARS_MIN + 1)}
        self._chars_min = min(RUN_CHARS_MIN, *map(len, self._exact)) if self._exact else RUN_CHARS_MIN

    def without(self, text: str) -> str:
        """``text`` with a mask in the place of each."""
        # What is read is never longer than what is written.
        places = self._places(text) if len(text) >= self._chars_min else ()
        return _masked(text, places) if places else text

    def cleaned(self, value: Any) -> Any:
        """A JSON value, each of its texts and numbers without; what is nested deeper than ``DEPTH_MAX`` is left out."""
        return self._cleaned(value, 0)

    def key_in(self, text: str) -> bool:
        """Whether a whole key is repeated in it; quick where none is."""
        for key in self._keys:
            if key in text:
                return True
        return escaped(text) and any(key in it for it, _ in spellings(text) for key in self._keys)

    def blanked(self, data: bytes) -> bytes:
        """Bytes of an answer on its way, of the same length and form: stars in the place of each whole key."""
        text = data.decode("latin-1")
        found = bytearray(data)
        for spelled, places in spellings(text):
            for begin, end in _found(spelled, places, self._keys):
                found[begin:end] = b"*" * (end - begin)
        return bytes(found)

    def _cleaned(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.without(value)
        if isinstance(value, dict | list) and depth == DEPTH_MAX:
            return None
        if isinstance(value, dict):
            return {name: self._cleaned(it, depth + 1) for name, it in value.items()}
        if isinstance(value, list):
            return [self._cleaned(it, depth + 1) for it in value]
        written = str(value)
        return value if self.without(written) == written else MASK

    def _places(self, text: str) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for spelled, places in spellings(text):
            found += _found(spelled, places, self._exact)
            if common := self._runs.intersection(
                spelled[at : at + RUN_CHARS_MIN] for at in range(len(spelled) - RUN_CHARS_MIN + 1)
            ):
                found += _found(spelled, places, common)
        return sorted(found)


def _found(spelled: str, places: Places, wanted: Iterable[str]) -> Iterator[tuple[int, int]]:
    for it in wanted:
        at = spelled.find(it)
        while at >= 0:
            yield places[at], places[at + len(it)]
            at = spelled.find(it, at + 1)


def _forms(key: str) -> Iterator[str]:
    """As it is, in hexadecimal, and in base64, where it looks otherwise at each of three places within a longer text."""
    plain = key.encode()
    yield key
    if len(key) < ENCODED_CHARS_MIN:
        return
    yield plain.hex()
    yield plain.hex().upper()
    for before in range(3):
        whole = b64encode(bytes(before) + plain).decode()
        # The first and the last letter are also of what stands around it.
        form = whole[(before * 8 + 5) // 6 : (before + len(plain)) * 8 // 6]
        yield form
        yield form.translate({ord("+"): "-", ord("/"): "_"})


def _masked(text: str, places: Sequence[tuple[int, int]]) -> str:
    """Places that touch become one mask."""
    pieces: list[str] = []
    done = 0
    for begin, end in places:
        if begin > done or not pieces:
            pieces += (text[done:begin], MASK)
        done = max(done, end)
    return "".join((*pieces, text[done:]))
