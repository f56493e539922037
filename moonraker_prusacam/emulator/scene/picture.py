# The picture of the synthetic camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Composes frames of a printer at work: backdrop, print, toolhead, text, noise.

What never moves is drawn once, what grows is drawn when it grew, so that a frame of
1280 x 720 costs a few milliseconds.
"""

from __future__ import annotations

import io
import random
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs
from PIL import Image, ImageChops

from .backdrop import draw_backdrop
from .caption import write_caption
from .perspective import Perspective
from .toolhead import Toolhead
from .vase import Vase

if TYPE_CHECKING:
    from .caption import Pose

NOISE_SIGMA = 1.8
NOISE_MARGIN = 61
DEFAULT_TOTAL_LAYERS = 100


@attrs.frozen
class _Stage:
    """All that is drawn once for a size of picture, and only read afterwards."""

    view: Perspective
    backdrop: Image.Image
    noise: Image.Image
    toolhead: Toolhead


# One for each size of the cameras that look at it.
@lru_cache(maxsize=4)
def _stage(width: int, height: int) -> _Stage:
    view = Perspective(width, height)
    size = width + NOISE_MARGIN, height + NOISE_MARGIN
    grain = Image.effect_noise(size, NOISE_SIGMA)
    noise = Image.merge("RGB", (grain, grain, grain))
    return _Stage(view, draw_backdrop(view), noise, Toolhead(view))


class Scene:
    """Draws one frame after the other; not to be used by two threads at once."""

    def __init__(self, width: int, height: int, *, layer_height_mm: float) -> None:
        self._size = width, height
        self._layer_height_mm = layer_height_mm
        self._vase: Vase | None = None
        self._random = random.Random(width)

    def nozzle_px(self, pose: Pose) -> tuple[float, float]:
        """Where the tip of the nozzle is in the picture."""
        return Perspective(*self._size).point(pose.x, pose.y, pose.z)

    def draw(self, pose: Pose, seq: int, wall: str) -> Image.Image:
        """The picture of ``pose``, with its number and time written into it."""
        stage = _stage(*self._size)
        image = stage.backdrop.copy()
        ground_z = 0.0
        vase = self._grown_vase(pose)
        if vase is not None:
            vase.paste_into(image)
            ground_z = vase.height_at(pose.x, pose.y)
        head = stage.toolhead
        head.paste_shadow(image, pose.x, pose.y, pose.z, ground_z)
        head.paste_into(image, pose.x, pose.y, pose.z, seq)
        write_caption(image, pose, seq, wall, stage.view.unit)
        left, top = (self._random.randrange(NOISE_MARGIN) for _ in range(2))
        box = left, top, left + image.width, top + image.height
        return ImageChops.add(image, stage.noise.crop(box), 1, -128)

    def jpeg(self, pose: Pose, seq: int, wall: str, quality: int) -> bytes:
        """The picture of ``pose`` as a baseline JPEG."""
        buffer = io.BytesIO()
        self.draw(pose, seq, wall).save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    def _grown_vase(self, pose: Pose) -> Vase | None:
        if not pose.layer:
            self._vase = None
            return None
        total = pose.total_layers or max(DEFAULT_TOTAL_LAYERS, pose.layer)
        vase = self._vase
        if vase is None or vase.total_layers != total or vase.layers > pose.layer:
            vase = Vase(Perspective(*self._size), total, self._layer_height_mm)
        vase.grow(pose.layer)
        self._vase = vase
        return vase
