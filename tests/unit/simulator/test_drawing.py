"""The simulator's pictures: real, exact in size, the same for the same words."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops

from gateway.simulator.drawing import Encoding, Picture, render

FOX = Picture("A red fox asleep under autumn birches", 0, 1024, 640, "simulated · gpt-image-2")


def decoded(data: bytes) -> Image.Image:
    """The whole picture, decoded."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", [(1024, 640), (640, 1024), (1536, 512)])
def test_a_picture_has_exactly_the_wanted_size_and_format(format: str, size: tuple[int, int]) -> None:
    """In every format and shape."""
    image = decoded(render(replace(FOX, width_px=size[0], height_px=size[1]), Encoding(format))[-1])
    assert (image.size, image.format) == (size, format.upper())


def test_equal_wishes_give_equal_bytes() -> None:
    """The prompt and the number within a request decide; nothing else does."""
    first = render(FOX, Encoding())
    render.cache_clear()
    assert render(FOX, Encoding()) == first
    assert render(replace(FOX, prompt="A blue fox"), Encoding()) != first
    assert render(replace(FOX, index=1), Encoding()) != first


def test_the_prompt_is_written_on_the_picture() -> None:
    """Two prompts on one landscape differ where the panel is, and the lettering there is light on dark."""
    panel = decoded(render(FOX, Encoding())[-1]).convert("L").crop((60, 480, 964, 600))
    darkest, brightest = panel.getextrema()
    assert isinstance(darkest, int)
    assert isinstance(brightest, int)
    assert brightest - darkest > 150


@pytest.mark.parametrize("prompt", ["x" * 32_000, "word " * 6_400, "灯台", "a\nb\tc", " ", "\ud800"])
def test_any_prompt_can_be_drawn(prompt: str) -> None:
    """Too long, without spaces, in other scripts, empty or broken."""
    assert decoded(render(replace(FOX, prompt=prompt), Encoding())[-1]).size == (1024, 640)


def test_compression_makes_lossy_formats_smaller() -> None:
    """``output_compression`` is their quality."""
    for lossy in ("jpeg", "webp"):
        assert len(render(FOX, Encoding(lossy, 30))[-1]) < len(render(FOX, Encoding(lossy, 90))[-1])


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_transparent_background_is_transparent(format: str) -> None:
    """Nothing in the corners, the picture in the middle."""
    alpha = decoded(render(replace(FOX, transparent=True), Encoding(format))[-1]).getchannel("A")
    assert (alpha.getpixel((0, 0)), alpha.getpixel((512, 320))) == (0, 255)


def test_partial_images_have_the_size_and_less_detail() -> None:
    """Each is nearer to the final picture than the one before."""
    *partials, final = [decoded(data) for data in render(FOX, Encoding(), 3)]
    assert {partial.size for partial in partials} == {final.size}
    distances = [sum(ImageChops.difference(partial, final).convert("L").histogram()[16:]) for partial in partials]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] > 0


def test_reference_images_can_be_seen() -> None:
    """An edit shows what was sent in."""
    buffer = BytesIO()
    Image.new("RGB", (64, 64), (255, 0, 255)).save(buffer, "PNG")
    image = decoded(render(replace(FOX, references=(buffer.getvalue(),)), Encoding())[-1]).convert("RGB")
    assert (255, 0, 255) in {colour for _, colour in image.getcolors(image.width * image.height) or []}
