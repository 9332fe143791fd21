"""Models and parameters at the wrong place, as an unmodified SDK sends them: explained, and nothing is spent."""

import openai
import pytest

from tests.integration.programs import STOREFRONT_KEY, House, control

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def sdk(house: House) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{house.url}/v1", api_key=STOREFRONT_KEY, max_retries=0)


def test_an_image_model_as_the_model_of_responses(house: House, sdk: openai.OpenAI) -> None:
    """The commonest mistake: the answer says where the model belongs."""
    with pytest.raises(openai.BadRequestError, match="/v1/images/generations") as caught:
        sdk.responses.create(model="gpt-image-2", input="A teapot")
    assert caught.value.response.headers["x-gateway-owner"] == "model_placement"
    assert caught.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.BadRequestError, match="image model"):
        sdk.chat.completions.create(model="gpt-image-2", messages=[{"role": "user", "content": "A teapot"}])
    assert control(house.openai.url, "stats")["requests"] == 0


def test_a_text_model_at_the_images_api(house: House, sdk: openai.OpenAI) -> None:
    """The reverse."""
    with pytest.raises(openai.BadRequestError, match="text model") as caught:
        sdk.images.generate(model="gpt-5.5", prompt="A teapot")
    assert caught.value.response.headers["x-gateway-owner"] == "model_placement"
    assert control(house.openai.url, "stats")["requests"] == 0


def test_a_retired_model_is_named_with_its_date_and_successor(house: House, sdk: openai.OpenAI) -> None:
    """From the catalogue, where no alias keeps it alive."""
    with pytest.raises(openai.BadRequestError, match=r"2026-05-12.*gpt-image-2"):
        sdk.images.generate(model="dall-e-2", prompt="A teapot")


def test_service_tier_unlocks_nothing(house: House, sdk: openai.OpenAI) -> None:
    """It is no parameter of the Images API, and no usage tier: said before it is sent, in JSON and in a form."""
    for call in (
        lambda: sdk.images.generate(model="gpt-image-2", prompt="A teapot", extra_body={"service_tier": "priority"}),
        lambda: sdk.images.edit(model="gpt-image-2", prompt="A", image=PNG, extra_body={"service_tier": "flex"}),
    ):
        with pytest.raises(openai.BadRequestError, match="usage tier") as caught:
            call()
        assert caught.value.param == "service_tier"
    assert control(house.openai.url, "stats")["requests"] == 0


def test_text_is_not_served_here(sdk: openai.OpenAI) -> None:
    """A request for a text model gets the 404 of any other path; one without a key does not get so far."""
    with pytest.raises(openai.NotFoundError, match="Images API only"):
        sdk.responses.create(model="gpt-5.5", input="Hello")
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="igw_wrong").responses.create(model="gpt-image-2", input="Hello")
