# The pictures that the timelapse benchmark makes videos of.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two sets of frames: what a camera sees of a print, and what is hard to encode."""

from __future__ import annotations

import math
import subprocess
from typing import TYPE_CHECKING

from moonraker_prusacam.emulator.scene import Pose, Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = 1920, 1080
SCENE_QUALITY = 85
# From the middle of the bed to where the head is found at a layer's end.
REACH_MM = 35.0
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
NOISE = "noise=alls=12:allf=t+u"


def name(number: int) -> str:
    """As moonraker-timelapse names its frames."""
    return f"frame{number:06d}.jpg"


def make_scene(folder: Path, count: int, ffmpeg: str) -> None:
    """A still printer, a print that grows, a head that is all over the bed."""
    scene = Scene(*SIZE, layer_height_mm=0.2)
    for layer in range(1, count + 1):
        angle = GOLDEN_ANGLE * layer
        pose = Pose(
            x=125 + REACH_MM * math.cos(angle),
            y=105 + REACH_MM * math.sin(angle),
            z=0.2 * layer,
            layer=layer,
            total_layers=count,
        )
        picture = scene.jpeg(pose, layer, "12:00:00", SCENE_QUALITY)
        (folder / name(layer)).write_bytes(picture)


def make_noisy(folder: Path, count: int, ffmpeg: str) -> None:
    """A moving test picture under strong noise."""
    width, height = SIZE
    source = f"testsrc2=s={width}x{height}:r=30,{NOISE}"
    arguments = ["-v", "error", "-f", "lavfi", "-i", source, "-frames:v", str(count)]
    arguments += ["-q:v", "4", "-start_number", "1", str(folder / "frame%06d.jpg")]
    subprocess.run([ffmpeg, *arguments], check=True)


SETS: dict[str, Callable[[Path, int, str], None]] = {
    "scene": make_scene,
    "noisy": make_noisy,
}
