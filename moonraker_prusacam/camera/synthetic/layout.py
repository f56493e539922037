# Places and colours of the test card.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From places on a card of 1280x720 to those on one of any size."""

from __future__ import annotations

from typing import NamedTuple

Colour = tuple[int, int, int]

BACKGROUND: Colour = (28, 30, 36)
PANEL: Colour = (40, 43, 52)
TEXT: Colour = (236, 238, 242)
DIM: Colour = (156, 162, 174)
ACCENT: Colour = (250, 104, 49)
METAL: Colour = (172, 178, 190)

CARD = (1280, 720)


class Box(NamedTuple):
    """A rectangle of pixels; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def is_empty(self) -> bool:
        """Whether no pixel is inside."""
        return self.right <= self.left or self.bottom <= self.top

    def joined(self, other: Box | None) -> Box:
        """The least box that holds both."""
        if other is None:
            return self
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Layout:
    """The card at the middle of the lower edge, as large as it fits."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._scale = min(size[0] / CARD[0], size[1] / CARD[1])
        self._left = (size[0] - CARD[0] * self._scale) / 2
        self._top = size[1] - CARD[1] * self._scale

    def point(self, x: float, y: float) -> tuple[int, int]:
        """A place."""
        return round(self._left + x * self._scale), round(self._top + y * self._scale)

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """A rectangle."""
        return Box(*self.point(left, top), *self.point(right, bottom))

    def length(self, pixels: float) -> int:
        """A length, or the size of letters; at least 1."""
        return max(1, round(pixels * self._scale))
