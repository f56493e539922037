# What the virtual Prusa camera sees.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the scene of a printer so that every setting of the camera shows.

Motors move the picture, the light and an exposure make it brighter, at night it has no
colours, quality is its size.
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

from PIL import Image, ImageEnhance, ImageOps

from moonraker_prusacam.connect.signaling.messages import CameraMode, VideoQuality
from moonraker_prusacam.emulator.scene import Scene

if TYPE_CHECKING:
    from moonraker_prusacam.emulator.scene import Pose

    from .settings import Settings

# Small ones of their kind: they are drawn while other tests run.
SIZES = {
    VideoQuality.SD: (320, 180),
    VideoQuality.HD: (640, 360),
    VideoQuality.FHD: (960, 540),
}
FIELD_OF_VIEW_DEG = 90  # across the picture, and across its height
DARK = 0.8  # of the scene's own brightness, without the camera's light
LIT = 1.25
NORMAL_EXPOSURE = 100
JPEG_QUALITY = 70
BACKGROUND = (12, 12, 14)


class Lens:
    """Draws one picture after the other."""

    def __init__(self, layer_height_mm: float) -> None:
        self._layer_height_mm = layer_height_mm
        self._scenes: dict[VideoQuality, Scene] = {}
        # A cancelled wait leaves its thread drawing, and a scene bears one at a time.
        self._drawing = threading.Lock()

    def jpeg(self, settings: Settings, pose: Pose, seq: int, wall: str) -> bytes:
        """The picture of ``pose`` as a baseline JPEG."""
        with self._drawing:
            image = self._scene(settings.quality).draw(pose, seq, wall)
        buffer = io.BytesIO()
        _developed(image, settings).save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue()

    def _scene(self, quality: VideoQuality) -> Scene:
        if quality not in self._scenes:
            width, height = SIZES[quality]
            scene = Scene(width, height, layer_height_mm=self._layer_height_mm)
            self._scenes[quality] = scene
        return self._scenes[quality]


def _developed(image: Image.Image, settings: Settings) -> Image.Image:
    if settings.pan_deg or settings.tilt_deg:
        right = image.width * settings.pan_deg / FIELD_OF_VIEW_DEG
        down = -image.height * settings.tilt_deg / FIELD_OF_VIEW_DEG
        image = image.transform(
            image.size,
            Image.Transform.AFFINE,
            (1, 0, right, 0, 1, down),
            fillcolor=BACKGROUND,
        )
    light = LIT if settings.light else DARK
    light *= (settings.exposure or NORMAL_EXPOSURE) / NORMAL_EXPOSURE
    light *= 1 + settings.brightness / 100
    image = ImageEnhance.Brightness(image).enhance(max(0.0, light))
    if settings.contrast:
        image = ImageEnhance.Contrast(image).enhance(1 + settings.contrast / 100)
    if settings.saturation:
        image = ImageEnhance.Color(image).enhance(1 + settings.saturation / 100)
    if settings.mode is CameraMode.NIGHT:
        image = ImageOps.grayscale(image).convert("RGB")
    return image
