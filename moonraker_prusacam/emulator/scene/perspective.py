# How the synthetic camera sees: perspective, light and colours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all things of the synthetic scene are drawn with.

Lengths are millimetres of a 250 x 210 x 210 mm printer whose front left is 0, 0.
Things are drawn at twice their size and halved: Pillow's polygons have hard edges.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
from PIL import Image

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]

BED_X_MM, BED_Y_MM = 250.0, 210.0
POST_X_MM = (-36.0, 286.0)
TABLE_Z_MM = -26.0
OVERSAMPLING = 2

ORANGE: Colour = (250, 104, 49)
GRAPHITE: Colour = (44, 46, 52)
CYAN: Colour = (40, 232, 255)


def shaded(colour: Colour, light: float) -> Colour:
    """``colour`` under ``light`` (1.0 = as it is), kept inside 0..255."""
    red, green, blue = (max(0, min(255, round(part * light))) for part in colour)
    return red, green, blue


@attrs.frozen
class Perspective:
    """One-point perspective: x and z stay parallel to the picture, y recedes."""

    width: int
    height: int

    EYE_Y_MM = -490.0
    EYE_Z_MM = 250.0

    @property
    def unit(self) -> float:
        """Pixels of this picture for one pixel of the 1280 x 720 design."""
        return min(self.width / 1280, self.height / 720)

    def scale(self, y: float) -> float:
        """Pixels a millimetre at the depth ``y``."""
        return 1519 * self.unit / (y - self.EYE_Y_MM)

    def point(self, x: float, y: float, z: float) -> Point:
        """Where a point of the printer is in the picture."""
        scale = self.scale(y)
        horizon = self.height / 2 - 445 * self.unit
        return (
            self.width / 2 + (x - BED_X_MM / 2) * scale,
            horizon + (self.EYE_Z_MM - z) * scale,
        )

    def oversampled(self) -> Perspective:
        """The same view for a picture that will be reduced afterwards."""
        return Perspective(self.width * OVERSAMPLING, self.height * OVERSAMPLING)


def soft_disc(peak: int) -> Image.Image:
    """A mask of 256 x 256 that fades from ``peak`` (0..255) in the middle to 0."""
    # radial_gradient() is not dark before the corners, an ellipse ends earlier.
    fade = [max(0, 180 - level) * peak // 180 for level in range(256)]
    return Image.radial_gradient("L").point(fade)


def glow(
    image: Image.Image,
    box: tuple[float, float, float, float],
    colour: Colour,
    peak: int,
) -> None:
    """Lay an elliptic light of ``colour`` over the picture; ``peak`` is 0..255."""
    left, top, right, bottom = (round(edge) for edge in box)
    mask = soft_disc(peak).resize((right - left, bottom - top))
    image.paste(colour, (left, top), mask)
