"""What a provider said went wrong, with the wrappers of everybody who passed it on taken off: the innermost error wins."""

import ast
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

DEPTH_MAX = 8
TEXT_CHARS_MAX = 64 * 1024
WORDS_MAX = 40
WORD_CHARS_MAX = 120
_LIST_MAX = 10
# Where AWS puts the name of an error.
ERROR_TYPE = "x-amzn-errortype"
# Where APIs put the name of an error, its text, and further errors inside.
_WORDS = (
    "code",
    "type",
    "status",
    "reason",
    "name",
    "title",
    "__type",
    "errorKey",
    "error_code",
    "finishReason",
    "finish_reason",
    "blockReason",
    "task_status",
    "moderation_stage",
)
_TEXTS = (
    "message",
    "msg",
    "errorMessage",
    "detail",
    "error",
    "title",
    "error_message",
    "text",
    "raiFilteredReason",
    "message_zh",
)
_INSIDE = (
    "error",
    "errors",
    "inner_error",
    "innererror",
    "details",
    "detail",
    "metadata",
    "moderation_details",
    "promptFeedback",
    "candidates",
    "predictions",
    "output",
    "artifacts",
    "data",
)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class ProviderError:
    """``words`` are codes, types and reasons in lower case, the innermost first; ``message`` is the innermost text.

    ``type``, ``code`` and ``param`` are those of the innermost error as it wrote them, ``status`` is its own (0 where it has
    none). ``wrapped``: somebody else's error was found inside.
    """

    words: tuple[str, ...] = ()
    message: str = ""
    type: str = ""
    code: str = ""
    param: str = ""
    status: int = 0
    wrapped: bool = False


def read_error(body: object, headers: Mapping[str, str] | None = None) -> ProviderError:
    """What a body (a JSON value, or a text that is none) says; never raises. ``headers`` are by lower-case name."""
    found = _read(body, 0)
    kind = (headers or {}).get(ERROR_TYPE, "").partition(":")[0]
    return (
        replace(found, words=(*found.words, *{kind.lower()}.difference(found.words)), type=found.type or kind) if kind else found
    )


def _read(value: object, depth: int) -> ProviderError:
    if depth > DEPTH_MAX:
        return ProviderError()
    if isinstance(value, str):
        return _of_text(value, depth)
    if isinstance(value, list):
        return _innermost(ProviderError(), [_read(item, depth + 1) for item in value[:_LIST_MAX]])
    if isinstance(value, Mapping):
        return _of_object(value, depth)
    return ProviderError()


def _of_object(value: Mapping[object, object], depth: int) -> ProviderError:
    inside = [_read(value[name], depth + 1) for name in _INSIDE if isinstance(value.get(name), Mapping | list)]
    said = next((text for name in _TEXTS if isinstance(text := value.get(name), str) and text), "")
    texts = [_of_text(text, depth + 1) for text in (said, value.get("raw"), value.get("details")) if isinstance(text, str)]
    numbers = [number for name in ("code", "status") if (number := _status_of(value.get(name)))]
    own = ProviderError(
        words=_named(value.get(name) for name in _WORDS),
        message=said[:TEXT_CHARS_MAX],
        type=_word(value.get("type")),
        code=_word(value.get("code")),
        param=_word(value.get("param")),
        status=numbers[0] if numbers else 0,
    )
    return _innermost(own, [*inside, *texts])


def _of_text(text: str, depth: int) -> ProviderError:
    """A sentence, and the error that may stand in it as JSON, or as Python prints it."""
    text = text[:TEXT_CHARS_MAX]
    own = ProviderError(message=text)
    quoted = _quoted(text)
    if quoted is None:
        return own
    inner = _read(quoted, depth + 1)
    return replace(_innermost(own, [inner]), wrapped=True) if inner.message or inner.words else own


def _quoted(text: str) -> object:
    begins = [at for at in (text.find("{"), text.find("[{")) if at >= 0]
    if not begins:
        return None
    text = text[min(begins) :]
    try:
        found: object = _DECODER.raw_decode(text)[0]
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text[: max(text.rfind("}"), text.rfind("}]") + 1) + 1])
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
    return found


def _innermost(own: ProviderError, inside: list[ProviderError]) -> ProviderError:
    """What stands inside goes before what stands around it, each member on its own."""
    words = tuple(dict.fromkeys(word for it in (*inside, own) for word in it.words))[:WORDS_MAX]
    chosen = next((it for it in inside if it.message and it.message != own.message), None)
    named = next((it for it in inside if it.code or it.type), None)
    return ProviderError(
        words=words,
        message=own.message if chosen is None else chosen.message,
        type=named.type if named else own.type,
        code=named.code if named else own.code,
        param=next((it.param for it in inside if it.param), own.param),
        status=next((it.status for it in inside if it.status), own.status),
        wrapped=any(it.wrapped for it in inside),
    )


def _named(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.lower() for value in values if (word := _word(value))))


def _word(value: object) -> str:
    """A name, and not a sentence or a flag."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:WORD_CHARS_MAX]


def _status_of(value: object) -> int:
    text = _word(value)
    return int(text) if re.fullmatch("[1-5][0-9]{2}", text) else 0
