# What is written into the picture of the synthetic camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer, time, frame number and position, for people who look at the picture."""

from __future__ import annotations

from functools import lru_cache

import attrs
from PIL import Image, ImageDraw, ImageFont

from .perspective import ORANGE

WHITE = (236, 238, 240)
GREY = (168, 174, 182)
LABEL = "synthetic camera"


@attrs.frozen
class Pose:
    """What the printer is doing; ``x``, ``y``, ``z`` are the nozzle's tip in mm."""

    x: float
    y: float
    z: float
    layer: int | None = None
    total_layers: int | None = None


@lru_cache(maxsize=16)
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(6.0, size))


def write_caption(
    image: Image.Image, pose: Pose, seq: int, wall: str, unit: float
) -> None:
    """Write what ``pose`` says; ``unit`` scales the design of 1280 x 720."""

    def px(length: float) -> int:
        return round(length * unit)

    left, top, right, bottom = px(20), px(20), px(352), px(142)
    panel = Image.new("L", (right - left, bottom - top))
    corner = panel.width - 1, panel.height - 1
    ImageDraw.Draw(panel).rounded_rectangle([(0, 0), corner], px(9), fill=176)
    image.paste((14, 16, 20), (left, top), panel)

    draw = ImageDraw.Draw(image)
    layer = "idle" if pose.layer is None else f"Layer {pose.layer}"
    total = "" if pose.total_layers is None else f" / {pose.total_layers}"
    place = f"X {pose.x:.1f}  Y {pose.y:.1f}  Z {pose.z:.2f}"
    draw.text((px(36), px(28)), f"{layer}{total}", WHITE, _font(30 * unit))
    draw.text((px(36), px(68)), wall, WHITE, _font(20 * unit))
    draw.text((px(36), px(95)), f"#{seq:06d}   {place}", GREY, _font(17 * unit))
    if pose.layer is not None and pose.total_layers:
        done = min(1.0, pose.layer / pose.total_layers)
        for share, colour in ((1.0, (60, 64, 70)), (done, ORANGE)):
            end = px(36 + 300 * share), px(130)
            draw.rectangle([(px(36), px(125)), end], fill=colour)

    font = _font(20 * unit)
    edge = image.width - px(28)
    draw.text((edge, px(38)), LABEL, GREY, font, anchor="rm")
    dot = edge - draw.textlength(LABEL, font) - px(18)
    red = (232, 60, 52) if seq % 16 < 10 else (96, 44, 44)
    draw.ellipse([(dot, px(32)), (dot + px(11), px(43))], fill=red)
