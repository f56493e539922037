# The test card.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``test:`` shows: colour bars, a clock, a printer at work, and what all that is.

The clock has milliseconds, so that it shows beside another clock how late a viewer is;
the number of the frame shows whether frames are missing.
"""

from __future__ import annotations

import time

from PIL import Image, ImageDraw, ImageFont

from .layout import ACCENT, BACKGROUND, DIM, TEXT, Box, Colour, Layout
from .mosaic import Mosaic, padded
from .ticker import Ticker
from .vase import Vase

# Of 75 % intensity, in the order of their brightness (ITU-R BT.471).
BARS: tuple[Colour, ...] = (
    (191, 191, 191),
    (191, 191, 0),
    (0, 191, 191),
    (0, 191, 0),
    (191, 0, 191),
    (191, 0, 0),
    (0, 0, 191),
)
GREYS = 16
# Places on the card.
BARS_END, GREYS_END = 276, 328
LEFT = 56
MOST_FRAMES = 1_000_000
# Of a camera's name.
MOST_LETTERS = 20


class Card:
    """The test card of one camera; ``draw`` is called by one thread at a time."""

    def __init__(
        self, name: str, size: tuple[int, int], fps: float, quality: int
    ) -> None:
        layout = Layout(size)
        self._canvas = Image.new("RGB", padded(size), BACKGROUND)
        _draw_bars(self._canvas, layout)
        _draw_words(self._canvas, layout, name, fps)
        self._clock = Ticker(
            layout.point(LEFT, 404), layout.length(104), TEXT, signs=":."
        )
        self._counter = Ticker(layout.point(156, 524), layout.length(34), ACCENT)
        self._vase = Vase(layout)
        self._mosaic = Mosaic(self._canvas, size, quality)

    def draw(self, number: int, passed_s: float, now: float) -> bytes:
        """The JPEG of frame ``number``, ``passed_s`` after the first.

        ``now`` is in unix seconds.
        """
        seconds, rest = divmod(now, 1)
        clock = time.strftime("%H:%M:%S", time.localtime(seconds))
        for changed in (
            self._clock.show(self._canvas, f"{clock}.{int(rest * 1000):03d}"),
            self._counter.show(self._canvas, f"{number % MOST_FRAMES:06d}"),
            self._vase.show(self._canvas, passed_s),
        ):
            if changed is not None:
                self._mosaic.update(self._canvas, changed)
        return self._mosaic.jpeg()


def _draw_bars(canvas: Image.Image, layout: Layout) -> None:
    width = layout.size[0]
    top, end = (layout.point(0, y)[1] for y in (BARS_END, GREYS_END))
    for number, colour in enumerate(BARS):
        canvas.paste(colour, _column(number, len(BARS), width, 0, top))
    for number in range(GREYS):
        grey = round(255 * number / (GREYS - 1))
        canvas.paste((grey, grey, grey), _column(number, GREYS, width, top, end))


def _column(number: int, of: int, width: int, top: int, bottom: int) -> Box:
    return Box(width * number // of, top, width * (number + 1) // of, bottom)


def _draw_words(canvas: Image.Image, layout: Layout, name: str, fps: float) -> None:
    pen = ImageDraw.Draw(canvas)
    width, height = layout.size
    short = name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
    for y, size, colour, text in (
        (364, 30, ACCENT, "Test picture"),
        (524, 34, DIM, "frame"),
        (600, 26, TEXT, f"Camera '{short}' of moonraker-prusacam: source: test:"),
        (638, 22, DIM, f"{width}x{height}, {fps:g} frames a second. All is well up to"),
        (664, 22, DIM, "here: name a real camera in prusacam.conf."),
    ):
        font = ImageFont.load_default(layout.length(size))
        pen.text(layout.point(LEFT, y), text, colour, font)
