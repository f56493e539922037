# Text that changes all the time.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures in cells of one width, drawn once each; what has not changed stays."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from .layout import BACKGROUND, Box, Colour

FIGURES = "0123456789"


class Ticker:
    """One line of text, whose letters are figures and ``signs``."""

    def __init__(
        self, place: tuple[int, int], size: int, colour: Colour, signs: str = ""
    ) -> None:
        self._place = place
        font = ImageFont.load_default(size)
        below = round(font.getbbox(FIGURES + signs)[3])
        figure = max(round(font.getlength(letter)) for letter in FIGURES)
        self._cells: dict[str, Image.Image] = {}
        for letter in FIGURES + signs:
            width = figure if letter in FIGURES else round(font.getlength(letter))
            cell = Image.new("RGB", (max(1, width), max(1, below)), BACKGROUND)
            ImageDraw.Draw(cell).text((width / 2, 0), letter, colour, font, anchor="ma")
            self._cells[letter] = cell
        self._shown = ""

    def show(self, canvas: Image.Image, text: str) -> Box | None:
        """Draw what has changed; where that is, or None."""
        changed: Box | None = None
        x, y = self._place
        for number, letter in enumerate(text):
            cell = self._cells[letter]
            if letter != self._shown[number : number + 1]:
                canvas.paste(cell, (x, y))
                changed = Box(x, y, x + cell.width, y + cell.height).joined(changed)
            x += cell.width
        self._shown = text
        return changed
