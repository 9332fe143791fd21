"""Redaction: what must never leave the gateway."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.redaction.secrets import MASK, redact, redact_foreign


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF123456",
        "sk-proj-****abcd",
        "igw_storefront_0123456789abcdef",
        "org-AbCdEf123456",
        "proj_AbCdEf123456",
        "Bearer abc.def",
        "bearer  whatever",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "iVBORw0KGgo" + "A" * 400,
    ],
)
def test_secrets_are_taken_out_of_a_text(secret: str) -> None:
    """Keys, accounts, authorization values, tokens and image data are masked, the words around them stay."""
    found = redact(f"before {secret} after")
    assert secret not in found
    assert MASK in found
    assert found.startswith("before ")


def test_a_provider_s_text_keeps_public_links_only() -> None:
    """OpenAI's own pages help the caller; any other address may be internal."""
    text = "See https://platform.openai.com/account and http://10.0.0.7:9000/x?openai.com/ or https://evilopenai.com/"
    assert redact_foreign(text) == f"See https://platform.openai.com/account and {MASK} or {MASK}"


@given(st.text())
def test_plain_words_stay(text: str) -> None:
    """Redaction of a redacted text changes nothing."""
    assert redact(redact(text)) == redact(text)
