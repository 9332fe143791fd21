"""The right model at the wrong place, found before anything is spent: image models elsewhere, text models here, retired ones."""

import re
from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches

from gateway.core.outcome import Owner, Refusal, shape_refusal
from gateway.core.snapshot import App, Model, Retirement, Snapshot

NAME_CHARS_SHOWN = 200
GENERATIONS = "/v1/images/generations"
RESPONSES = "/v1/responses"
# Where OpenAI serves text models, beside Responses. An image model there is the commonest mistake with the Images API.
TEXT_PATHS = ("/v1/chat/completions",)
_IMAGE_MODEL = re.compile(r"(chat)?gpt-image|dall-e|imagen|flux|stable-|sd3|.*-image(-|$)", re.IGNORECASE)
_TEXT_MODEL = re.compile(
    r"(chatgpt-4|gpt-(3|4|5|oss)|o[1-9](-|$)|claude|gemini|llama|mistral|deepseek|qwen|text-|whisper|tts)", re.IGNORECASE
)
_IN_RESPONSES = (
    'In the Responses API the top-level model is a text model, and the image is made by tools: [{"type": "image_generation"}].'
)


def elsewhere(asked: str, path: str, app: App, snapshot: Snapshot) -> Refusal:
    """Why a request to an endpoint for text is not served here: none of its routes serve that, whatever its model is."""
    name = asked[:NAME_CHARS_SHOWN]
    own = {name: model for name, model in snapshot.models.items() if app.may_use(model.name)}
    if asked in own or asked in snapshot.retirements or _IMAGE_MODEL.match(asked):
        message = f"'{name}' is an image model: it cannot be the model of {path}. Call POST {GENERATIONS}. {_IN_RESPONSES}"
        return _misplaced(message, "image_model_elsewhere")
    answering = sorted({model.name for model in own.values() if responds(model)})
    if path == RESPONSES and answering:
        return _misplaced(f"No route serves '{name}' at {path}. {_available(answering)}", "text_model_here")
    message = f"Invalid URL (POST {path}). This gateway serves the Images API only: POST {GENERATIONS} and its neighbours."
    return shape_refusal("unknown_url", message, status=404)


def text_model_here(model: Model) -> Refusal:
    """Why a model that is asked for at the Responses API is none for the Images API."""
    message = (
        f"'{model.name}' is a text model, and this is the Images API. Its images are made at POST {RESPONSES}. {_IN_RESPONSES}"
    )
    return _misplaced(message, "text_model_here")


def responds(model: Model | None) -> bool:
    """Whether a model can be asked for at the Responses API."""
    return model is not None and any(route.text_model for route in model.routes)


def unknown_model(asked: str, known: Sequence[str], snapshot: Snapshot, today: date) -> Refusal:
    """Why a model that no route serves is refused. ``known`` are those of the app, ``today`` is a UTC day."""
    name, retirement = asked[:NAME_CHARS_SHOWN], snapshot.retirements.get(asked)
    if retirement is not None and retirement.on <= today:
        return _misplaced(_retired(name, retirement, known), "model_retired")
    if _TEXT_MODEL.match(asked) and not _IMAGE_MODEL.match(asked):
        message = f"'{name}' is a text model, and this is the Images API. {_available(known)}"
        return _misplaced(message, "text_model_here")
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else _available(known)
    return Refusal(
        status=400,
        type="image_generation_user_error",
        code="invalid_value",
        param="model",
        message=f"The model '{name}' does not exist, or this app may not use it. {hint}",
        owner=Owner.REQUEST_SHAPE,
        rule="shape.model_unknown",
        first_check="GET /v1/models lists the models of this app. Ops: apps.<id>.models says which it may use.",
        stop_rule="Do not send it again unchanged: it will be refused again.",
    )


def _retired(name: str, retirement: Retirement, known: Sequence[str]) -> str:
    gone = f"'{name}' was shut down on {retirement.on}"
    if retirement.successor in known:
        return f"{gone}. Its provider recommends '{retirement.successor}'."
    named = f"; its provider recommends '{retirement.successor}'" if retirement.successor else ""
    return f"{gone}{named}. {_available(known)}"


def _available(known: Sequence[str]) -> str:
    return f"Models of this app: {', '.join(known) or 'none'}."


def _misplaced(message: str, rule: str) -> Refusal:
    return Refusal(
        status=400,
        type="invalid_request_error",
        code=rule,
        param="model",
        message=message,
        owner=Owner.MODEL_PLACEMENT,
        rule=f"model_placement.{rule}",
        first_check="Is the model one for images, still served, and called at the Images API?",
        stop_rule="Put direct model calls in the Images API; do not send it again unchanged.",
    )
