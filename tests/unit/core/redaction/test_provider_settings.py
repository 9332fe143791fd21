"""What is ours at a provider is found in whatever form it comes back, and nothing else is taken."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.redaction.provider_settings import DEPTH_MAX, Ours, ours_at
from gateway.core.redaction.secrets import MASK
from gateway.core.secret import Secret
from tests.unit.core.samples import PROVIDER

KEY = "fk/Live+0123456789=abcDEF?~key"
OURS = Ours((KEY, "old-Key/0123456789"), ("org-own", "10.0.0.7:8000", "", "abc"))
FORMS = {
    "plain": KEY,
    "JSON": json.dumps(KEY).replace("/", r"\/"),
    "JSON in JSON": json.dumps(json.dumps({"key": KEY}).replace("/", r"\/")),
    "unicode": "".join(f"\\u{ord(it):04x}" for it in KEY),
    "unicode, upper case": "".join(f"\\u{ord(it):04X}" for it in KEY),
    "some unicode": KEY.replace("=", r"\u003d").replace("/", r"\u002F"),
    "URL": quote(KEY, safe=""),
    "URL, lower case": quote(KEY, safe="").lower().replace("fk%2flive", "fk%2fLive").replace("abcdef", "abcDEF"),
    "form": quote_plus(KEY),
    "URL twice": quote(quote(KEY, safe=""), safe=""),
    "all percent": "".join(f"%{ord(it):02X}" for it in KEY),
    "HTML": html.escape(KEY).replace("=", "&equals;"),
    "HTML numbers": "".join(f"&#{ord(it)};" for it in KEY),
    "HTML hexadecimal": "".join(f"&#x{ord(it):x};" for it in KEY),
    "base64": b64encode(KEY.encode()).decode(),
    "base64 without padding": b64encode(KEY.encode()).decode().rstrip("="),
    "base64, URL-safe": urlsafe_b64encode(KEY.encode()).decode(),
    "Basic": "Basic " + b64encode(f":{KEY}".encode()).decode(),
    "Basic with a user": "Basic " + b64encode(f"ab:{KEY}".encode()).decode(),
    "base64 of a header": urlsafe_b64encode(f"Authorization: Bearer {KEY}\r\nhost: x".encode()).decode(),
    "base64 in lines": "\r\n".join(b64encode(KEY.encode()).decode()[at : at + 8] for at in range(0, 40, 8)),
    "hexadecimal": KEY.encode().hex(),
    "cut off": KEY[:15],
    "its end": KEY[-15:],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_taken_out_in_every_form(form: str) -> None:
    """The words around it stay."""
    found = OURS.without(f"Wrong key: {FORMS[form]} was sent.")
    assert found.startswith("Wrong key: ")
    assert found.endswith(" was sent.")
    assert MASK in found
    assert leaked(found) == []


@pytest.mark.parametrize("form", [name for name in FORMS if name not in ("cut off", "its end")])
def test_bytes_keep_their_length_and_form(form: str) -> None:
    """An answer on its way loses the key and nothing else; no parser notices."""
    text = f"{{{FORMS[form]}}}"
    assert OURS.key_in(text)
    found = OURS.blanked(text.encode())
    assert len(found) == len(text)
    assert found[:1] + found[-1:] == b"{}"
    assert not OURS.key_in(found.decode())


def test_names_and_former_keys_are_taken_out_too() -> None:
    """Accounts and addresses; two that touch, or the same twice, become one mask each."""
    assert OURS.without("org-own at 10.0.0.7:8000") == f"{MASK} at {MASK}"
    assert OURS.without("old-Key/0123456789org-own, org-own") == f"{MASK}, {MASK}"
    assert OURS.without("abc or a") == "abc or a"
    assert not OURS.key_in("org-own")


@given(st.text(max_size=60))
def test_other_texts_stay(text: str) -> None:
    """Whatever escapes they have."""
    assert OURS.without(text) == text
    assert OURS.blanked(text.encode()) == text.encode()


def test_a_json_value_is_cleaned_after_it_is_read() -> None:
    """Texts at any place, numbers that are the key, and nothing beyond a depth that means something."""
    value: dict[str, Any] = {"a": [KEY, 1, None, True, {"b": f"x {KEY}"}], "n": 2}
    assert OURS.cleaned(value) == {"a": [MASK, 1, None, True, {"b": f"x {MASK}"}], "n": 2}
    assert Ours(("123456789012",), ()).cleaned([123456789012, 12]) == [MASK, 12]
    deep: Any = KEY
    for _ in range(DEPTH_MAX + 5):
        deep = [deep]
    assert KEY not in str(OURS.cleaned(deep))


@pytest.mark.parametrize(("key", "taken"), [("sk1", False), ("sk-1", True), ("sk-1234", True), ("", False)])
def test_what_is_too_short_is_no_secret(key: str, taken: bool) -> None:
    """A placeholder of three letters would take words out of any sentence."""
    assert (Ours((key,), ()).without(f"with {key} it") != f"with {key} it") is taken
    assert Ours((key,), ()).without("a b") == "a b"


def test_a_provider_says_what_is_ours() -> None:
    """Its key and those before, account and address; of hosts only those that cannot be a word."""
    there = replace(
        PROVIDER, credential=Secret("new-Key-0123456", ("old-Key-0123456",)), organization="org-own", project="proj-own"
    )
    ours = ours_at(replace(there, base_url="http://inner.example:8000/v1"))
    for it in ("new-Key-0123456", "old-Key-0123456", "org-own", "proj-own", "inner.example:8000", "inner.example"):
        assert ours.without(f"<{it}>") == f"<{MASK}>"
    assert ours_at(replace(there, base_url="http://flux:8000/v1")).without("flux at flux:8000") == f"flux at {MASK}"
    assert ours_at(replace(there, base_url="")).without("anything") == "anything"


def leaked(text: str) -> list[str]:
    """Which forms of the key stand in the text."""
    return [name for name, form in FORMS.items() if form in text]
