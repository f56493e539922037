# The toolhead and the gantry of the synthetic scene.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries the nozzle; its tip is where the printer says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from .perspective import (
    BED_X_MM,
    CYAN,
    GRAPHITE,
    ORANGE,
    POST_X_MM,
    TABLE_Z_MM,
    shaded,
    soft_disc,
)

if TYPE_CHECKING:
    from .perspective import Colour, Perspective, Point


class Toolhead:
    """The printing head, drawn once from the front and pasted at its depth."""

    PIXELS_PER_MM = 9.0
    WIDTH_MM, HEIGHT_MM = 64.0, 94.0
    LIGHTS_Z_MM = 10.0
    FAN_STEPS = 3

    def __init__(self, view: Perspective) -> None:
        self._view = view
        # The largest that is ever seen, so that a paste only makes it smaller.
        self._scale = view.scale(-10)
        self._sprites = [self._draw(step) for step in range(self.FAN_STEPS)]
        self._shadow = soft_disc(150)

    def paste_shadow(
        self, image: Image.Image, x: float, y: float, z: float, ground_z: float
    ) -> None:
        """Darken what is below the head; the higher it is, the fainter."""
        height = max(0.0, z - ground_z)
        scale = self._view.scale(y)
        reach = (34 + height * 0.35) * scale
        size = max(2, round(2 * reach)), max(2, round(0.62 * reach))
        fade = 1 / (1 + height / 40)
        mask = self._shadow.resize(size).point([round(v * fade) for v in range(256)])
        u, v = self._view.point(x, y, ground_z)
        image.paste((10, 9, 9), (round(u - size[0] / 2), round(v - size[1] / 2)), mask)

    def paste_into(
        self, image: Image.Image, x: float, y: float, z: float, step: int
    ) -> None:
        """Draw gantry and head with the nozzle's tip at ``x, y, z``."""
        self._draw_gantry(image, y + 26, z)
        self._draw_cable(image, x - 9, y + 8, z + 88, 7.0, (24, 24, 27))
        self._draw_cable(image, x + 8, y + 8, z + 88, 2.6, (214, 214, 208))
        sprite = self._sprites[step % self.FAN_STEPS]
        ratio = self._view.scale(y) / self._scale
        size = max(1, round(sprite.width * ratio)), max(1, round(sprite.height * ratio))
        head = sprite.resize(size, Image.Resampling.BILINEAR)
        u, v = self._view.point(x, y, z)
        image.paste(head, (round(u - size[0] / 2), round(v) - size[1]), head)

    def _draw_cable(
        self,
        image: Image.Image,
        x: float,
        y: float,
        z: float,
        thickness: float,
        colour: Colour,
    ) -> None:
        """A cable from the head to a hook above the middle of the bed."""
        hook_x, hook_z = BED_X_MM / 2 + (x - BED_X_MM / 2) * 0.25, 400.0
        curve = []
        for step in range(17):
            along = step / 16
            # A quadratic Bezier curve that leaves the head straight upwards.
            side = along * along
            rise = 2 * along * (1 - along) * 0.5 + side
            curve.append(
                self._view.point(x + (hook_x - x) * side, y, z + (hook_z - z) * rise)
            )
        width = max(1, round(thickness * self._view.scale(y)))
        ImageDraw.Draw(image).line(curve, fill=colour, width=width, joint="curve")

    def _draw_gantry(self, image: Image.Image, y: float, z: float) -> None:
        view = self._view
        draw = ImageDraw.Draw(image)

        def bar(
            left: float, high: float, right: float, low: float, colour: Colour
        ) -> None:
            start, end = view.point(left, y, high), view.point(right, y, low)
            if end[0] - start[0] >= 1 and end[1] - start[1] >= 1:
                draw.rectangle([start, end], fill=colour)

        for post in POST_X_MM:
            bar(post - 11, 400, post + 11, TABLE_Z_MM + 10, (58, 61, 68))
            bar(post - 11, 400, post - 6, TABLE_Z_MM + 10, (108, 112, 120))
            bar(post - 2, 400, post + 2, TABLE_Z_MM + 10, (30, 31, 36))
            bar(post + 8, 400, post + 11, TABLE_Z_MM + 10, (38, 40, 46))
            bar(post - 15, TABLE_Z_MM + 22, post + 15, TABLE_Z_MM + 9, (34, 35, 40))
        left, right = POST_X_MM
        for rod in (z + 66, z + 44):
            for high, low, light in ((4, -4, 0.55), (3, -2, 0.95), (2, 0.5, 1.35)):
                grey = shaded((150, 156, 166), light)
                bar(left, rod + high, right, rod + low, grey)
        bar(left, z + 56.5, right, z + 54, (26, 26, 30))
        for post in POST_X_MM:
            bar(post - 18, z + 78, post + 18, z + 32, shaded(ORANGE, 0.62))
            bar(post - 18, z + 78, post + 18, z + 75, shaded(ORANGE, 0.95))
            bar(post - 12, z + 70, post + 12, z + 40, shaded(ORANGE, 0.5))

    def _draw(self, step: int) -> Image.Image:
        """The head seen from the front; the tip is the middle of the lower edge."""
        unit = self.PIXELS_PER_MM
        size = round(self.WIDTH_MM * unit), round(self.HEIGHT_MM * unit)
        image = Image.new("RGBA", size)
        draw = ImageDraw.Draw(image)

        def at(x: float, z: float) -> Point:
            return (self.WIDTH_MM / 2 + x) * unit, (self.HEIGHT_MM - z) * unit

        def block(
            left: float,
            high: float,
            right: float,
            low: float,
            colour: Colour,
            bend: float,
        ) -> None:
            draw.rounded_rectangle(
                [at(left, high), at(right, low)], bend * unit, fill=(*colour, 255)
            )

        def disc(x: float, z: float, radius: float, colour: Colour) -> None:
            box = [at(x - radius, z + radius), at(x + radius, z - radius)]
            draw.ellipse(box, fill=(*colour, 255))

        block(-30, 92, 30, 30, shaded(GRAPHITE, 0.7), 4)
        block(-30, 92, 28, 31, GRAPHITE, 4)
        block(-29, 92, 27, 88, shaded(GRAPHITE, 1.6), 3)
        block(-22, 84, 22, 26, shaded(ORANGE, 0.8), 4)
        block(-22, 84, 20, 28, ORANGE, 4)
        block(-21, 84, 19, 81.5, shaded(ORANGE, 1.25), 2)
        disc(0, 56, 20.5, shaded(GRAPHITE, 0.45))
        disc(0, 56, 19, (24, 25, 29))
        box = [at(-17.5, 73.5), at(17.5, 38.5)]
        for blade in range(7):
            start = 360 / 7 * (blade + step / self.FAN_STEPS)
            draw.pieslice(box, start, start + 33, fill=(66, 70, 78, 255))
        disc(0, 56, 7, (38, 40, 45))
        disc(0, 56, 5, (90, 94, 102))
        for x in (-17, 17):
            for z in (39, 73):
                disc(x, z, 1.7, (34, 34, 38))
                disc(x - 0.3, z + 0.4, 0.9, (150, 152, 156))
        # Part cooling duct, heat sink, heater block and nozzle.
        duct = [at(-23, 32), at(-11, 30), at(-7, 8), at(-12, 6)]
        draw.polygon(duct, fill=(*shaded(GRAPHITE, 0.8), 255))
        duct = [at(23, 32), at(11, 30), at(7, 8), at(12, 6)]
        draw.polygon(duct, fill=(*shaded(GRAPHITE, 0.6), 255))
        for fin in range(4):
            block(-8, 30 - 4 * fin, 8, 27.6 - 4 * fin, (158, 164, 172), 0.6)
        block(-9, 14, 9, 6.5, (132, 118, 104), 1)
        block(-9, 14, 9, 12.6, (184, 172, 158), 0.6)
        cone = [at(-4.2, 6.5), at(4.2, 6.5), at(4.2, 4.2), at(0.7, 0), at(-0.7, 0)]
        draw.polygon([*cone, at(-4.2, 4.2)], fill=(206, 160, 62, 255))
        shine = [at(-2.6, 6.5), at(-0.6, 6.5), at(-0.2, 0), at(-2.6, 4)]
        draw.polygon(shine, fill=(248, 216, 128, 255))
        for x in (-1, 1):
            disc(x * 6.4, self.LIGHTS_Z_MM, 2.4, CYAN)
            disc(x * 6.4, self.LIGHTS_Z_MM, 1.0, (214, 252, 255))
        width = max(1, round(self.WIDTH_MM * self._scale))
        height = max(1, round(self.HEIGHT_MM * self._scale))
        return image.resize((width, height), Image.Resampling.LANCZOS)
