"""A provider's error can repeat what the caller wrote; this takes it out of what is kept."""

from gateway.core.redaction.secrets import MASK

# So many characters in a row are no coincidence; shorter ones occur in any sentence.
ECHO_CHARS_MIN = 12
SHORT_CHARS_MIN = 4


def without_prompt(text: str, written: str) -> str:
    """``text`` without whatever of it stands in ``written``: runs of ``ECHO_CHARS_MIN``, or all of it where it is shorter.

    What is shorter than ``SHORT_CHARS_MIN`` is left: it would be a word of any language.
    """
    length = min(ECHO_CHARS_MIN, len(written.strip()))
    if length < SHORT_CHARS_MIN or len(text) < length:
        return text
    known = written.strip() if length < ECHO_CHARS_MIN else written
    here = {text[at : at + length] for at in range(len(text) - length + 1)}
    common = {run for at in range(len(known) - length + 1) if (run := known[at : at + length]) in here}
    return _masked(text, common, length) if common else text


def _masked(text: str, common: set[str], length: int) -> str:
    """Runs that touch become one mask."""
    kept: list[str] = []
    masked_to = at = 0
    while at < len(text):
        if text[at : at + length] in common:
            if at >= masked_to and (not kept or kept[-1] != MASK):
                kept.append(MASK)
            masked_to = at + length
        elif at >= masked_to:
            kept.append(text[at])
        at += 1
    return "".join(kept)
