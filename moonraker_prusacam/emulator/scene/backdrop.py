# The workshop and the bed of the synthetic scene.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that never moves in front of the synthetic camera, drawn once."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from .perspective import (
    BED_X_MM,
    BED_Y_MM,
    OVERSAMPLING,
    POST_X_MM,
    TABLE_Z_MM,
    Colour,
    Perspective,
    glow,
)


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    return ImageOps.colorize(Image.linear_gradient("L"), top, bottom).resize(size)


def draw_backdrop(view: Perspective) -> Image.Image:
    """The workshop and the empty bed: all that never moves."""
    big = view.oversampled()
    image = _gradient((big.width, big.height), (30, 36, 46), (72, 80, 92))
    _draw_wall(image, big)
    _draw_table(image, big)
    image = image.filter(ImageFilter.GaussianBlur(5 * big.unit))
    _draw_frame(image, big)
    _draw_bed(image, big)
    image = image.reduce(OVERSAMPLING)
    vignette = Image.radial_gradient("L").resize(image.size)
    dark = vignette.point([max(0, level - 110) * 9 // 10 for level in range(256)])
    image.paste((14, 14, 20), (0, 0), dark)
    return image


def _draw_wall(image: Image.Image, view: Perspective) -> None:
    unit = view.unit
    draw = ImageDraw.Draw(image)
    for x, y, radius, colour in (
        (120, 236, 46, (150, 96, 58)),
        (1160, 218, 52, (58, 98, 138)),
        (1092, 262, 24, (170, 140, 90)),
        (196, 262, 20, (94, 132, 120)),
    ):
        centre = view.width / 2 + (x - 640) * unit, y * unit
        reach = radius * unit
        draw.ellipse(
            [
                centre[0] - reach,
                centre[1] - reach,
                centre[0] + reach,
                centre[1] + reach,
            ],
            fill=colour,
        )
    middle = view.width / 2
    lamp = (middle - 620 * unit, -420 * unit, middle + 620 * unit, 420 * unit)
    glow(image, lamp, (214, 218, 226), 120)


def _draw_table(image: Image.Image, view: Perspective) -> None:
    back = round(view.point(0, 560, TABLE_Z_MM)[1])
    table = _gradient((view.width, view.height - back), (96, 84, 76), (54, 46, 42))
    draw = ImageDraw.Draw(table)
    for plank in range(-900, 1200, 95):
        ends = [view.point(plank, y, TABLE_Z_MM) for y in (560, -330)]
        line = [(u, v - back) for u, v in ends]
        draw.line(line, fill=(62, 53, 48), width=max(1, round(4 * view.unit)))
    image.paste(table, (0, back))


def _draw_frame(image: Image.Image, view: Perspective) -> None:
    """The two rails on which the gantry walks, and their shadow."""
    draw = ImageDraw.Draw(image)
    for x in POST_X_MM:
        for reach, colour in (
            (13, (36, 32, 31)),
            (9, (112, 116, 122)),
            (3, (58, 60, 66)),
        ):
            corners = [
                view.point(x + side * reach, y, TABLE_Z_MM + 10)
                for side, y in ((-1, 250), (1, 250), (1, -40), (-1, -40))
            ]
            draw.polygon(corners, fill=colour)


def _draw_bed(image: Image.Image, view: Perspective) -> None:
    left, front, right, back = -8.0, -10.0, BED_X_MM + 8, BED_Y_MM + 8
    shadow = Image.new("L", image.size, 0)
    ground = [
        view.point(x, y, TABLE_Z_MM)
        for x, y in (
            (left - 6, front - 16),
            (right + 6, front - 16),
            (right + 6, back),
            (left - 6, back),
        )
    ]
    ImageDraw.Draw(shadow).polygon(ground, fill=190)
    blurred = shadow.filter(ImageFilter.GaussianBlur(16 * view.unit))
    image.paste((12, 11, 12), (0, 0), blurred)

    sheet = Image.new("L", image.size, 0)
    corners = [
        view.point(x, y, 0)
        for x, y in ((left, back), (right, back), (right, front), (left, front))
    ]
    ImageDraw.Draw(sheet).polygon(corners, fill=255)
    top, bottom = round(corners[0][1]), round(corners[2][1])
    steel = Image.new("RGB", image.size)
    steel.paste(
        _gradient((view.width, bottom - top), (84, 84, 88), (50, 50, 54)), (0, top)
    )
    grain = Image.effect_noise(image.size, 26)
    steel.paste((120, 118, 116), (0, 0), grain.point([v // 5 for v in range(256)]))
    middle = view.point(105, 120, 0)
    reach = 330 * view.unit
    light = (
        middle[0] - reach,
        middle[1] - reach / 2,
        middle[0] + reach,
        middle[1] + reach / 2,
    )
    glow(steel, light, (214, 200, 176), 96)
    _draw_grid(steel, view)
    image.paste(steel, (0, 0), sheet)

    draw = ImageDraw.Draw(image)
    edge = [view.point(x, front, z) for x, z in ((left, 0), (right, -3))]
    plate = [view.point(x, front, z) for x, z in ((left + 3, -3), (right - 3, -11))]
    draw.rectangle([plate[0], plate[1]], fill=(24, 24, 27))
    draw.rectangle([edge[0], edge[1]], fill=(150, 150, 152))


def _draw_grid(image: Image.Image, view: Perspective) -> None:
    draw = ImageDraw.Draw(image)
    for millimetre in range(0, 251, 10):
        strong = millimetre % 50 == 0
        width = max(1, round((2.2 if strong else 1.2) * view.unit))
        colour = (168, 160, 146) if strong else (94, 92, 90)
        ends = [view.point(millimetre, y, 0) for y in (0, BED_Y_MM)]
        draw.line(ends, fill=colour, width=width)
        if millimetre <= BED_Y_MM:
            ends = [view.point(x, millimetre, 0) for x in (0, BED_X_MM)]
            draw.line(ends, fill=colour, width=width)
    font = ImageFont.load_default(max(4, 15 * view.unit))
    for millimetre in range(0, 251, 50):
        draw.text(
            view.point(millimetre, -4.5, 0),
            f"{millimetre}",
            fill=(206, 198, 182),
            font=font,
            anchor="mm",
        )
