"""Draws what a prompt asks for, as far as a simulator can: a real, decodable picture of exactly the wanted size."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from io import BytesIO

from PIL import Image, ImageDraw

from gateway.simulator.landscape import landscape
from gateway.simulator.lettering import letter

RENDERINGS_KEPT_MAX = 16
_REFERENCES_SHOWN_MAX = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """What to draw; equal values give equal bytes. ``references`` are encoded thumbnails of an edit's input images."""

    prompt: str
    index: int
    width_px: int
    height_px: int
    caption: str
    transparent: bool = False
    references: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoding:
    """``format`` is ``png``, ``jpeg`` or ``webp``; ``compression`` (0 to 100) is the quality of the last two."""

    format: str = "png"
    compression: int = 100


@lru_cache(maxsize=RENDERINGS_KEPT_MAX)
def render(picture: Picture, encoding: Encoding, partials: int = 0) -> tuple[bytes, ...]:
    """``partials`` coarse renderings, each finer than the one before, then the picture itself; all of the same size.

    Takes up to a second or two of CPU: call it in a thread.
    """
    final = _drawn(picture)
    return (*(_encoded(_coarse(final, step), encoding) for step in range(partials)), _encoded(final, encoding))


def _drawn(picture: Picture) -> Image.Image:
    seed = sha256(f"{picture.index}:{picture.prompt}".encode("utf-8", "surrogatepass")).digest()
    canvas = landscape(seed, picture.width_px, picture.height_px)
    for number, reference in enumerate(picture.references[:_REFERENCES_SHOWN_MAX]):
        _add_reference(canvas, reference, number)
    letter(canvas, picture.prompt, picture.caption)
    if picture.transparent:
        canvas.putalpha(_card(canvas.width, canvas.height))
    return canvas


def _add_reference(canvas: Image.Image, reference: bytes, number: int) -> None:
    """An input image as a framed print near the top edge."""
    slot = canvas.width // (_REFERENCES_SHOWN_MAX + 1)
    edge, frame = round(0.86 * min(slot, canvas.height / 3)), max(2, slot // 40)
    with Image.open(BytesIO(reference)) as opened:
        thumbnail = opened.convert("RGB")
    factor = edge / max(thumbnail.size)
    thumbnail = thumbnail.resize((max(1, round(thumbnail.width * factor)), max(1, round(thumbnail.height * factor))))
    left, top = slot // 3 + number * (slot + slot // 6), max(frame, slot // 3)
    border = (left - frame, top - frame, left + thumbnail.width + frame - 1, top + thumbnail.height + frame - 1)
    ImageDraw.Draw(canvas).rectangle(border, fill=(252, 250, 244))
    canvas.paste(thumbnail, (left, top))


def _card(width: int, height: int) -> Image.Image:
    """The alpha of a card with round corners on nothing."""
    inset, radius = round(0.012 * min(width, height)), round(0.06 * min(width, height))
    mask = Image.new("L", (2 * width, 2 * height))
    ImageDraw.Draw(mask).rounded_rectangle(
        (2 * inset, 2 * inset, 2 * (width - inset) - 1, 2 * (height - inset) - 1), 2 * radius, fill=255
    )
    return mask.reduce(2)


def _coarse(final: Image.Image, step: int) -> Image.Image:
    """The picture as a generator sees it on its way: all in blocks of colour first, outlines later."""
    grain_px = 64 >> (2 * step)
    small = final.resize((max(2, final.width // grain_px), max(2, final.height // grain_px)), Image.Resampling.BOX)
    return small.resize(final.size, Image.Resampling.BICUBIC)


def _encoded(image: Image.Image, encoding: Encoding) -> bytes:
    buffer = BytesIO()
    match encoding.format:
        case "jpeg":
            image.save(buffer, "JPEG", quality=max(1, encoding.compression))
        case "webp":
            image.save(buffer, "WEBP", quality=encoding.compression, method=0)
        case _:
            image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
