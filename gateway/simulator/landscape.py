"""The picture behind the words: a landscape of sky, sun, clouds and hills, decided wholly by a seed."""

import math
from collections.abc import Sequence
from hashlib import shake_256

from PIL import Image, ImageChops, ImageDraw

from gateway.simulator.palette import PALETTES, Colour, Palette, mix

# Drawn larger, then scaled down, so that edges are smooth; large pictures are drawn at this edge and scaled up.
_OVERSIZE = 1.5
CANVAS_EDGE_PX_MAX = 2048
GRAIN_LEVELS = 5
_HILL_LAYERS = 5
_RIDGE_STEPS = 160
_DRAWS_MAX = 4096


def landscape(seed: bytes, width: int, height: int) -> Image.Image:
    """An RGB picture of exactly ``width`` x ``height`` pixels; the same seed and size give the same pixels."""
    chance = _Chance(seed)
    palette = PALETTES[int(chance.between(0, len(PALETTES)))]
    scale = min(_OVERSIZE, CANVAS_EDGE_PX_MAX / max(width, height))
    sky = (palette.zenith, palette.sky, palette.horizon)
    canvas = _gradient(sky, max(1, round(width * scale)), max(1, round(height * scale)))
    _add_stars(canvas, chance, palette)
    _add_sun(canvas, chance, palette)
    _add_clouds(canvas, chance, palette)
    _add_hills(canvas, chance, palette)
    return _with_grain(canvas.resize((width, height), Image.Resampling.BICUBIC), seed)


class _Chance:
    """Numbers that look random and depend on the seed only."""

    def __init__(self, seed: bytes) -> None:
        self._bytes = iter(shake_256(seed).digest(2 * _DRAWS_MAX))

    def between(self, low: float, high: float) -> float:
        """A number in ``[low, high)``."""
        drawn = next(self._bytes) << 8 | next(self._bytes)
        return low + (high - low) * drawn / 65_536


def _gradient(stops: Sequence[Colour], width: int, height: int) -> Image.Image:
    """Colours evenly spaced from top to bottom."""
    column = Image.new("RGB", (1, len(stops)))
    for row, stop in enumerate(stops):
        column.putpixel((0, row), stop)
    smooth = column.resize((1, 64), Image.Resampling.BILINEAR).resize((1, height), Image.Resampling.BICUBIC)
    return smooth.resize((width, height), Image.Resampling.NEAREST)


def _add_stars(canvas: Image.Image, chance: _Chance, palette: Palette) -> None:
    if not palette.stars:
        return
    draw, width, height = ImageDraw.Draw(canvas), canvas.width, canvas.height
    for _ in range(140):
        x, y = chance.between(0, width), chance.between(0, 0.55 * height)
        radius = chance.between(0.0006, 0.0018) * max(width, height)
        tone = mix(palette.sky, (255, 255, 255), chance.between(0.4, 0.95) * (1 - y / (0.7 * height)))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tone)


def _add_sun(canvas: Image.Image, chance: _Chance, palette: Palette) -> None:
    width, height, short = canvas.width, canvas.height, min(canvas.size)
    x, y = chance.between(0.2, 0.8) * width, chance.between(0.2, 0.44) * height
    for reach, strength in ((1.1, 0.5), (0.45, 0.55)):
        _add_glow(canvas, palette.sun, (x, y), (reach * short, reach * short), strength)
    radius = chance.between(0.045, 0.085) * short
    ImageDraw.Draw(canvas).ellipse((x - radius, y - radius, x + radius, y + radius), fill=palette.sun)


def _add_clouds(canvas: Image.Image, chance: _Chance, palette: Palette) -> None:
    width, height = canvas.size
    tone = mix(palette.horizon, (255, 255, 255), 0.0 if palette.stars else 0.45)
    for _ in range(6):
        x, y = chance.between(-0.1, 1.1) * width, chance.between(0.06, 0.5) * height
        reach, strength = chance.between(0.2, 0.55) * width, chance.between(0.12, 0.3)
        for part in range(4):
            _add_glow(canvas, tone, (x + (part - 1.5) * reach * 0.28, y + chance.between(-0.012, 0.012) * height),
                      (reach * chance.between(0.5, 0.9), 0.05 * height), strength)  # fmt: skip


def _add_glow(
    canvas: Image.Image, tone: Colour, centre: tuple[float, float], extent: tuple[float, float], strength: float
) -> None:
    """Blend ``tone`` in around ``centre``, fading to nothing at the edge of an ellipse ``extent`` wide and high."""
    fading = Image.radial_gradient("L").point([round(strength * 255 * max(0.0, 1 - level / 181) ** 2) for level in range(256)])
    mask = fading.resize((max(1, round(extent[0])), max(1, round(extent[1]))), Image.Resampling.BILINEAR)
    place = (round(centre[0] - mask.width / 2), round(centre[1] - mask.height / 2))
    canvas.paste(tone, (*place, place[0] + mask.width, place[1] + mask.height), mask)


def _add_hills(canvas: Image.Image, chance: _Chance, palette: Palette) -> None:
    width, height = canvas.size
    for layer in range(_HILL_LAYERS):
        depth = layer / (_HILL_LAYERS - 1)
        base, swing = (0.52 + 0.36 * depth) * height, (0.085 - 0.035 * depth) * height
        ridge = _ridge(chance, width, base, swing)
        tone = mix(palette.far, palette.near, depth)
        top = int(max(0, min(y for _, y in ridge)))
        slope = _gradient((tone, tone, mix(tone, palette.horizon, 0.34 * (1 - depth))), width, height - top)
        mask = Image.new("L", slope.size)
        draw = ImageDraw.Draw(mask)
        draw.polygon([*((x, y - top) for x, y in ridge), (width, height), (0, height)], fill=255)
        if depth >= 0.75:
            _add_trees(draw, chance, ridge, top, height)
        canvas.paste(slope, (0, top), mask)


def _ridge(chance: _Chance, width: int, base: float, swing: float) -> list[tuple[float, float]]:
    waves = [(chance.between(0.6, 1.6) * 2**octave, chance.between(0, math.tau), 0.55**octave) for octave in range(5)]
    points = []
    for step in range(_RIDGE_STEPS + 1):
        share = step / _RIDGE_STEPS
        lift = sum(weight * math.sin(math.tau * waves_across * share + phase) for waves_across, phase, weight in waves)
        points.append((share * width, base - swing * lift))
    return points


def _add_trees(draw: ImageDraw.ImageDraw, chance: _Chance, ridge: Sequence[tuple[float, float]], top: int, height: int) -> None:
    """Groups of firs along the ridge."""
    grove = chance.between(0, _RIDGE_STEPS)
    for _ in range(26):
        x, y = ridge[int(grove + chance.between(-22, 22)) % _RIDGE_STEPS]
        tall = chance.between(0.02, 0.055) * height
        foot = y - top + 0.012 * height
        for tier in range(3):
            reach, bottom = tall * (0.11 + 0.06 * tier), foot - tall * (0.62 - 0.31 * tier)
            draw.polygon([(x, bottom - tall * 0.42), (x - reach, bottom), (x + reach, bottom)], fill=255)


def _with_grain(picture: Image.Image, seed: bytes) -> Image.Image:
    """A trace of noise: no bands in the gradients, and files about as large as real ones."""
    noise = Image.frombytes("L", picture.size, shake_256(b"grain" + seed).digest(picture.width * picture.height))
    levels = noise.point([128 - GRAIN_LEVELS // 2 + level * GRAIN_LEVELS // 256 for level in range(256)])
    return ImageChops.add(picture, Image.merge("RGB", (levels, levels, levels)), offset=-128)
