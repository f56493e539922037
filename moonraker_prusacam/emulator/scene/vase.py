# The print of the synthetic scene.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vase that grows layer by layer in front of the synthetic camera."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from .perspective import BED_X_MM, BED_Y_MM, ORANGE, OVERSAMPLING, shaded, soft_disc

if TYPE_CHECKING:
    from .perspective import Perspective, Point


def vase_outline(z: float, height: float, parts: int = 72) -> list[Point]:
    """The wall of a model of ``height`` mm at ``z``, as x, y in mm.

    A twisted vase with eight soft lobes, round the middle of the bed; a low one is
    bent and twisted less.
    """
    progress, bend = z / height, min(1.0, height / 70)
    belly = math.sin(math.pi * (1.55 * progress + 0.12))
    radius = 36 + bend * (8 * belly - 8 * progress)
    lobes = 2.6 + 1.6 * bend * math.sin(math.pi * progress)
    twist = 0.9 * bend * progress
    outline = []
    for part in range(parts):
        angle = math.tau * part / parts
        reach = radius + lobes * math.cos(8 * (angle - twist))
        outline.append(
            (
                BED_X_MM / 2 + reach * math.cos(angle),
                BED_Y_MM / 2 + reach * math.sin(angle),
            )
        )
    return outline


class Vase:
    """A print that grows layer by layer; a new layer is drawn onto the last."""

    REACH_MM = 48.0

    def __init__(self, view: Perspective, total_layers: int, layer_mm: float) -> None:
        self.total_layers = max(1, total_layers)
        self._view = view.oversampled()
        self._layer_mm = layer_mm
        self._height_mm = height = self.total_layers * layer_mm
        middle_x, middle_y = BED_X_MM / 2, BED_Y_MM / 2
        front, back = middle_y - self.REACH_MM, middle_y + self.REACH_MM
        left, bottom = view.point(middle_x - self.REACH_MM, front, 0)
        right = view.point(middle_x + self.REACH_MM, front, 0)[0]
        top = min(view.point(middle_x, y, height)[1] for y in (front, back))
        # Above the frame nothing is seen, so that a tall print costs no memory.
        self._place = max(0, math.floor(left)), max(0, math.floor(top))
        size = (
            max(1, math.ceil(right) - self._place[0]),
            max(1, math.ceil(bottom) - self._place[1]),
        )
        self._walls = Image.new(
            "RGBA", (OVERSAMPLING * size[0], OVERSAMPLING * size[1])
        )
        self._drawn = 0
        self._sprite = Image.new("RGBA", size)
        scale = view.scale(middle_y)
        reach = round(66 * scale)
        self._shadow = soft_disc(190).resize((2 * reach, max(1, round(0.74 * reach))))
        u, v = view.point(middle_x + 10, middle_y, 0)
        self._shadow_place = round(u) - reach, round(v - self._shadow.height / 2)

    @property
    def layers(self) -> int:
        """Layers that are drawn."""
        return self._drawn

    def height_at(self, x: float, y: float) -> float:
        """How high the print is below a point of the bed, in mm."""
        far = math.hypot(x - BED_X_MM / 2, y - BED_Y_MM / 2) > self.REACH_MM
        return 0.0 if far else self._drawn * self._layer_mm

    def grow(self, layer: int) -> None:
        """Draw up to ``layer``; a model never shrinks."""
        layer = min(layer, self.total_layers)
        if layer <= self._drawn:
            return
        draw = ImageDraw.Draw(self._walls)
        for number in range(self._drawn + 1, layer + 1):
            self._draw_wall(draw, number)
        self._drawn = layer
        canvas = self._walls.copy()
        self._draw_top(ImageDraw.Draw(canvas))
        self._sprite = canvas.reduce(OVERSAMPLING)

    def paste_into(self, image: Image.Image) -> None:
        """Lay the print over ``image``."""
        if not self._drawn:
            return
        image.paste((8, 8, 9), self._shadow_place, self._shadow)
        image.paste(self._sprite, self._place, self._sprite)

    def _ring(self, layer: int, shrink: float = 1.0) -> list[Point]:
        """The outline after ``layer`` layers, as pixels of the canvas."""
        middle_x, middle_y = BED_X_MM / 2, BED_Y_MM / 2
        ring = []
        for x, y in vase_outline(layer * self._layer_mm, self._height_mm):
            u, v = self._view.point(
                middle_x + (x - middle_x) * shrink,
                middle_y + (y - middle_y) * shrink,
                layer * self._layer_mm,
            )
            ring.append(
                (u - OVERSAMPLING * self._place[0], v - OVERSAMPLING * self._place[1])
            )
        return ring

    def _draw_wall(self, draw: ImageDraw.ImageDraw, layer: int) -> None:
        below, above = self._ring(layer - 1), self._ring(layer)
        outline = vase_outline((layer - 0.5) * self._layer_mm, self._height_mm)
        ridge = 0.96 if layer % 2 else 1.04
        for part, (x, y) in enumerate(outline):
            after = (part + 1) % len(outline)
            next_x, next_y = outline[after]
            length = math.hypot(next_x - x, next_y - y)
            # Outward normal; the lamp hangs at the front left.
            normal_x, normal_y = (next_y - y) / length, (x - next_x) / length
            if normal_y > 0.35:
                continue
            lit = max(0.0, -0.62 * normal_x - 0.78 * normal_y)
            colour = shaded(ORANGE, ridge * (0.42 + 0.52 * lit + 0.34 * lit**8))
            quad = [below[part], below[after], above[after], above[part]]
            draw.polygon(quad, fill=(*colour, 255))

    def _draw_top(self, draw: ImageDraw.ImageDraw) -> None:
        """The open layer: perimeters, one inside the other."""
        for ring in range(12):
            light = 1.12 if ring == 0 else (0.98, 0.84)[ring % 2]
            outline = self._ring(self._drawn, 1 - 0.08 * ring)
            draw.polygon(outline, fill=(*shaded(ORANGE, light), 255))
