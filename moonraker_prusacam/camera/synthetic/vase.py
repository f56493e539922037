# A printer that prints a vase, for ever.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The moving part of the test card: it shows at a glance whether a picture is live."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from PIL import ImageDraw

from .layout import ACCENT, BACKGROUND, METAL, PANEL, Box, Layout

if TYPE_CHECKING:
    from PIL import Image

# Places on the card.
FRAME = (800, 372, 1232, 664)
MIDDLE, BED = 1016, 628
LEFT, RIGHT = 820, 1212
LAYER_HEIGHT = 5
LAYERS = 36
LAYER_S = 1.5
# How long the finished vase is shown.
PAUSE_S = 4.0
CYCLE_S = LAYERS * LAYER_S + PAUSE_S
# From the layer under way to the upper edge of the head.
HEAD_HEIGHT = 46


class Moment(NamedTuple):
    """What is being printed: a layer, and how much of it."""

    layer: int
    share: float

    @property
    def top(self) -> int:
        """The upper edge of the layer."""
        return BED - (self.layer + 1) * LAYER_HEIGHT


class Vase:
    """Draws the scene into the card."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._before: Moment | None = None

    def show(self, canvas: Image.Image, passed_s: float) -> Box:
        """Draw the scene as it is after ``passed_s``; where it has changed."""
        now = _moment(passed_s)
        pen = ImageDraw.Draw(canvas)
        self._draw(pen, now)
        before, self._before = self._before, now
        if before is None or now.layer < before.layer:
            return self._layout.box(*FRAME)
        # From the head as it is to the layer that was under way.
        top, bottom = now.top - HEAD_HEIGHT, before.top + 2 * LAYER_HEIGHT
        return self._layout.box(LEFT, top, RIGHT, bottom)

    def _draw(self, pen: ImageDraw.ImageDraw, now: Moment) -> None:
        at = self._layout.box
        _fill(pen, at(*FRAME), PANEL)
        _fill(pen, at(LEFT, BED, RIGHT, BED + 8), METAL)
        _fill(pen, at(LEFT + 24, BED + 8, RIGHT - 24, BED + 18), BACKGROUND)
        for layer in range(now.layer):
            half = _half_width(layer)
            self._bead(pen, layer, MIDDLE - half, MIDDLE + half)
        half = _half_width(now.layer)
        head = MIDDLE - half + 2 * half * now.share
        if now.layer % 2:
            head = 2 * MIDDLE - head
            self._bead(pen, now.layer, head, MIDDLE + half)
        else:
            self._bead(pen, now.layer, MIDDLE - half, head)
        top = now.top
        _fill(pen, at(LEFT, top - 36, RIGHT, top - 30), BACKGROUND)
        _fill(pen, at(head - 22, top - HEAD_HEIGHT, head + 22, top - 14), METAL)
        _fill(pen, at(head - 22, top - 24, head + 22, top - 19), ACCENT)
        tip = self._layout.point
        pen.polygon(
            [tip(head - 12, top - 14), tip(head + 12, top - 14), tip(head, top)], METAL
        )

    def _bead(
        self, pen: ImageDraw.ImageDraw, layer: int, left: float, right: float
    ) -> None:
        top = BED - (layer + 1) * LAYER_HEIGHT
        shade = 1 - 0.3 * (layer % 2)
        red, green, blue = (round(part * shade) for part in ACCENT)
        box = self._layout.box(left, top, right, top + LAYER_HEIGHT)
        _fill(pen, box, (red, green, blue))


def _moment(passed_s: float) -> Moment:
    layer, rest_s = divmod(passed_s % CYCLE_S, LAYER_S)
    if layer >= LAYERS:
        return Moment(LAYERS - 1, 1.0)
    return Moment(int(layer), rest_s / LAYER_S)


def _half_width(layer: int) -> float:
    return 62 + 36 * math.sin(math.pi * (0.1 + 1.55 * layer / LAYERS))


def _fill(pen: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int]) -> None:
    if not box.is_empty:  # Pillow's rectangles have their last pixel inside
        pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), colour)
