"""The right model at the wrong place is told where it belongs, before anything is spent."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.core.contract.text_model import TextModel
from gateway.core.outcome import Owner
from gateway.core.request.images import Operation
from gateway.core.routing.placement import elsewhere, unknown_model
from gateway.core.snapshot import Model, Retirement
from tests.unit.core.samples import APP, MODEL, ROUTE, TODAY, snapshot

GONE = Retirement(date(2026, 5, 12), "gpt-image-2", "OpenAI's deprecations page")
SNAPSHOT = replace(snapshot(replace(MODEL, aliases=())), retirements={"dall-e-3": GONE, "gone-too": replace(GONE, successor="")})


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions"])
@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-9", "dall-e-3", "gone-too", "gemini-3-pro-image-preview"])
def test_an_image_model_belongs_to_the_images_api(path: str, model: str) -> None:
    """The answer names the endpoint, and how Responses makes images."""
    refusal = elsewhere(model, path, APP, SNAPSHOT)
    assert (refusal.status, refusal.diagnosis.owner, refusal.param) == (400, Owner.MODEL_PLACEMENT, "model")
    assert "/v1/images/generations" in refusal.message
    assert "image_generation" in refusal.message


@pytest.mark.parametrize("model", ["gpt-5.5", "", "anything"])
def test_text_is_not_served_here(model: str) -> None:
    """No placement mistake: this gateway has no such endpoint."""
    refusal = elsewhere(model, "/v1/responses", APP, SNAPSHOT)
    assert (refusal.status, refusal.code, refusal.diagnosis.owner) == (404, "unknown_url", Owner.REQUEST_SHAPE)


def test_where_responses_are_served_the_answer_names_their_models() -> None:
    """To those who may use them; the other endpoint for text stays one that there is not."""
    route = replace(ROUTE, operations=frozenset({Operation.RESPONSE}), text_model=TextModel("gpt-5.5", 1_000, 500))
    served = snapshot(MODEL, Model("gpt-5.5", (), (route,)))
    refusal = elsewhere("gpt-4.1", "/v1/responses", APP, served)
    assert (refusal.code, refusal.param) == ("text_model_here", "model")
    assert refusal.message.endswith("Models of this app: gpt-5.5.")
    stranger = replace(APP, models=frozenset())
    for asked in ("gpt-4.1", "gpt-5.5"):
        assert elsewhere(asked, "/v1/responses", stranger, served).code == "unknown_url"
    assert elsewhere("gpt-4.1", "/v1/chat/completions", APP, served).code == "unknown_url"


@pytest.mark.parametrize(
    ("asked", "owner", "code", "words"),
    [
        ("gpt-5.5", Owner.MODEL_PLACEMENT, "text_model_here", "is a text model"),
        ("o3-mini", Owner.MODEL_PLACEMENT, "text_model_here", "Models of this app: gpt-image-2."),
        (
            "dall-e-3",
            Owner.MODEL_PLACEMENT,
            "model_retired",
            "was shut down on 2026-05-12. Its provider recommends 'gpt-image-2'",
        ),
        ("gone-too", Owner.MODEL_PLACEMENT, "model_retired", "was shut down on 2026-05-12. Models of this app"),
        ("gpt-image-3", Owner.REQUEST_SHAPE, "invalid_value", "Did you mean 'gpt-image-2'?"),
        ("gpt-4o-image-x", Owner.REQUEST_SHAPE, "invalid_value", "does not exist"),
        ("orange", Owner.REQUEST_SHAPE, "invalid_value", "Models of this app"),
    ],
)
def test_a_model_that_nobody_serves_is_explained(asked: str, owner: Owner, code: str, words: str) -> None:
    """A text model, a retired one with its date and successor, or a name that does not exist."""
    refusal = unknown_model(asked, ["gpt-image-2"], SNAPSHOT, TODAY)
    assert (refusal.diagnosis.owner, refusal.code, refusal.param) == (owner, code, "model")
    assert words in refusal.message


def test_a_successor_that_the_app_cannot_use_is_only_named() -> None:
    """It is no advice then."""
    assert "recommends 'gpt-image-2'. Models of this app: none." in unknown_model("dall-e-3", [], SNAPSHOT, TODAY).message


def test_a_model_is_not_retired_before_its_day() -> None:
    """Until then it is simply not configured here."""
    refusal = unknown_model("dall-e-3", ["gpt-image-2"], SNAPSHOT, GONE.on - timedelta(days=1))
    assert refusal.code == "invalid_value"
