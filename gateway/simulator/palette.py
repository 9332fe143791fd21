"""The colours of the simulator's landscapes, and how they mix."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """Sky from top to horizon, the sun or moon, and the hills from the farthest to the nearest; ``stars`` for a night sky."""

    zenith: Colour
    sky: Colour
    horizon: Colour
    sun: Colour
    far: Colour
    near: Colour
    stars: bool = False


PALETTES = (
    Palette((64, 94, 158), (232, 160, 150), (253, 218, 176), (255, 244, 214), (190, 140, 158), (44, 42, 78)),  # dawn
    Palette((70, 150, 205), (158, 210, 230), (240, 246, 232), (255, 252, 226), (142, 186, 192), (26, 82, 84)),  # clear morning
    Palette((48, 36, 92), (178, 74, 116), (250, 158, 104), (255, 220, 160), (142, 72, 112), (28, 20, 52)),  # sunset
    Palette((12, 20, 50), (34, 60, 108), (104, 136, 168), (242, 244, 230), (62, 88, 132), (8, 14, 34), stars=True),  # moonlight
    Palette((92, 128, 112), (190, 206, 170), (246, 236, 202), (255, 246, 206), (154, 176, 140), (38, 62, 50)),  # meadow
    Palette((120, 74, 58), (222, 138, 84), (250, 210, 140), (255, 240, 196), (196, 118, 84), (66, 30, 32)),  # desert
    Palette((86, 96, 140), (172, 178, 212), (236, 224, 236), (255, 250, 244), (150, 152, 190), (48, 50, 86)),  # lavender
    Palette(
        (14, 40, 58), (28, 106, 112), (150, 212, 178), (226, 255, 226), (44, 112, 116), (6, 28, 42), stars=True
    ),  # northern lights
    Palette((176, 106, 124), (240, 176, 170), (255, 230, 206), (255, 250, 232), (212, 148, 158), (92, 46, 72)),  # blossom
    Palette((36, 92, 140), (110, 180, 196), (255, 222, 170), (255, 240, 190), (104, 150, 168), (18, 50, 76)),  # coast
)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour at ``share`` (0 to 1) of the way from ``first`` to ``second``."""
    red, green, blue = (round(start + (end - start) * share) for start, end in zip(first, second, strict=True))
    return red, green, blue
