"""The words on a picture: the prompt on a panel that keeps it legible, and a small caption under it."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from unicodedata import combining, normalize

from PIL import Image, ImageDraw, ImageFont

PROMPT_CHARS_SHOWN_MAX = 420
_PANEL_SHARE_MAX = 0.46
_FONT_PX_MIN = 9
_PANEL, _PANEL_ALPHA = (14, 17, 28), 172
_PROMPT_INK, _CAPTION_INK, _ACCENT = (255, 255, 255), (198, 206, 222), (255, 214, 138)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def letter(picture: Image.Image, prompt: str, caption: str) -> None:
    """Write on the RGB ``picture``, in place."""
    margin = max(4, round(0.035 * min(picture.size)))
    layout = _fitted(_shown(prompt), picture.width - 4 * margin, round(picture.height * _PANEL_SHARE_MAX) - 2 * margin)
    caption_font = _font(max(_FONT_PX_MIN, round(0.021 * min(picture.size))))
    caption = _cut(caption, caption_font, picture.width - 4 * margin)
    caption_height = round(1.9 * _height(caption_font))
    height = len(layout.lines) * layout.line_px + caption_height + 2 * margin
    box = (margin, picture.height - margin - height, picture.width - margin, picture.height - margin)
    _add_panel(picture, box, margin // 2)
    draw = ImageDraw.Draw(picture)
    left, top = box[0] + margin, box[1] + margin
    draw.rectangle((box[0], top, box[0] + max(2, margin // 6), box[3] - margin), fill=_ACCENT)
    for number, line in enumerate(layout.lines):
        draw.text((left, top + number * layout.line_px), line, font=layout.font, fill=_PROMPT_INK)
    draw.text((left, box[3] - margin), caption, font=caption_font, fill=_CAPTION_INK, anchor="ls")


@dataclass(frozen=True, slots=True)
class _Layout:
    font: Font
    lines: list[str]
    line_px: int


def _shown(prompt: str) -> str:
    """One line of printable text; what is too long ends in an ellipsis. The bundled font has no accented letters."""
    plain = (sign for sign in normalize("NFKD", prompt[: 4 * PROMPT_CHARS_SHOWN_MAX]) if not combining(sign))
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split())
    return text if len(text) <= PROMPT_CHARS_SHOWN_MAX else f"{text[: PROMPT_CHARS_SHOWN_MAX - 1].rstrip()}…"


def _fitted(text: str, width: int, height: int) -> _Layout:
    """The largest lettering whose lines fit; at the smallest size, as many lines as fit."""
    size_px = max(_FONT_PX_MIN, round(0.07 * min(width * 0.9, 2 * height)))
    while True:
        font = _font(size_px)
        lines, line_px = _wrapped(text, font, width), round(1.34 * size_px)
        if len(lines) * line_px <= height or size_px <= _FONT_PX_MIN:
            return _Layout(font, lines[: max(1, height // line_px)], line_px)
        size_px = max(_FONT_PX_MIN, int(size_px * 0.88))


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        wider = f"{lines[-1]} {word}".lstrip()
        if font.getlength(wider) <= width:
            lines[-1] = wider
            continue
        pieces = _pieces(word, font, width)
        lines = (lines if lines[-1] else lines[:-1]) + pieces
    return lines


def _pieces(word: str, font: Font, width: int) -> list[str]:
    """A word that is longer than a line, broken where it must be."""
    cuts = [0]
    for end in range(1, len(word) + 1):
        if font.getlength(word[cuts[-1] : end]) > width and end - 1 > cuts[-1]:
            cuts.append(end - 1)
    return [word[start:end] for start, end in pairwise([*cuts, len(word)])]


def _cut(text: str, font: Font, width: int) -> str:
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text


@lru_cache(maxsize=64)
def _font(size_px: int) -> Font:
    return ImageFont.load_default(size=size_px)


def _height(font: Font) -> float:
    top, bottom = font.getbbox("Ag")[1], font.getbbox("Ag")[3]
    return bottom - top


def _add_panel(picture: Image.Image, box: tuple[int, int, int, int], radius: int) -> None:
    width, height = box[2] - box[0], box[3] - box[1]
    mask = Image.new("L", (2 * width, 2 * height))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 2 * width - 1, 2 * height - 1), 2 * radius, fill=_PANEL_ALPHA)
    picture.paste(_PANEL, box, mask.reduce(2))
