"""What a provider repeats of the prompt is not kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.redaction.prompts import ECHO_CHARS_MIN, without_prompt

PROMPT = "A paper boat that carries the name Philomena"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"Rejected: '{PROMPT}'.", "Rejected: '[redacted]'."),
        ("Rejected: 'A paper boat that car…'.", "Rejected: '[redacted]…'."),
        ("the name Philomena and the name Philomena", "[redacted] and[redacted]"),
        ("The size is invalid.", "The size is invalid."),
        ("short", "short"),
    ],
    ids=["whole", "cut", "twice", "none", "shorter_than_any_echo"],
)
def test_whatever_of_the_prompt_stands_in_a_text_is_masked(text: str, kept: str) -> None:
    """Whole or cut off, once or more often; the rest stays."""
    assert without_prompt(text, PROMPT) == kept


def test_a_short_prompt_is_masked_as_a_whole_and_a_tiny_one_is_not() -> None:
    """Two letters are in any sentence."""
    assert without_prompt("no 'red cat' here", " red cat ") == "no '[redacted]' here"
    assert without_prompt("no 'ox' here", "ox") == "no 'ox' here"
    assert without_prompt("no prompt", "") == "no prompt"


@given(st.text(alphabet="ab ", max_size=60), st.text(alphabet="ab ", min_size=ECHO_CHARS_MIN, max_size=60))
def test_no_run_of_the_prompt_is_left(text: str, prompt: str) -> None:
    """Whatever the two are."""
    left = without_prompt(text, prompt)
    length = min(ECHO_CHARS_MIN, len(prompt.strip()))
    if length >= 4:
        known = prompt.strip() if length < ECHO_CHARS_MIN else prompt
        runs = {known[at : at + length] for at in range(len(known) - length + 1)}
        assert not any(piece[at : at + length] in runs for piece in left.split("[redacted]") for at in range(len(piece)))
