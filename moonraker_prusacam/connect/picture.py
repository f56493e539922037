# Pictures as they are sent to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a frame before it is sent, and turns, cuts or shrinks it where wanted.

Pixels are turned, since Prusa Connect's thumbnails ignore what EXIF says. A frame that
needs nothing is sent as the camera made it. To be called in threads: Pillow works
without the interpreter's lock, and takes its time on a small host.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import attrs
from PIL import Image, ImageStat, UnidentifiedImageError

from moonraker_prusacam.errors import SnapshotUnfit
from moonraker_prusacam.orientation import UPRIGHT, Orientation

if TYPE_CHECKING:
    from moonraker_prusacam.config import CameraConfig, ConnectConfig
    from moonraker_prusacam.connect_options import Crop

QUALITY = 85
SMALLER_QUALITY = 65
SMALLER_WIDTH = 1280
MAX_PIXELS = 64_000_000
# To look at, a picture is decoded at an eighth of its size.
LOOK_FACTOR = 8
BLACK_MEAN, BLACK_SPREAD = 6.0, 3.0
# A picture that broke off ends in one colour, to the bit: cameras make noise.
PLAIN_PART = 8
LIVELY_SPREAD = 4.0
NIGHT, LAMP = 16, 245
BAD_PICTURE = (
    OSError,
    SyntaxError,
    ValueError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@attrs.frozen
class Shape:
    """What is done to each picture: turned clockwise, flipped, cropped, shrunk."""

    orientation: Orientation = UPRIGHT
    crop: Crop | None = None
    max_width: int = 0

    @classmethod
    def of(cls, config: ConnectConfig, camera: CameraConfig) -> Shape:
        """As ``[connect NAME]`` has it, else as the camera is mounted."""
        if config.rotation is None and config.flip is None:
            orientation = camera.orientation
        else:
            flip = config.flip or "none"
            orientation = Orientation(
                flip in ("horizontal", "both"),
                flip in ("vertical", "both"),
                config.rotation or 0,
            )
        return cls(orientation, config.crop, config.max_width)


@attrs.frozen
class Prepared:
    """A picture to send, and what was seen in it."""

    data: bytes | memoryview
    width: int
    height: int
    is_black: bool


def prepare(data: bytes | memoryview, shape: Shape, *, smaller: bool) -> Prepared:
    """The picture to send of a camera's frame; raises SnapshotUnfit if it is damaged.

    ``smaller`` is for a server that found the last one too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SnapshotUnfit(
                    f"the picture of {image.width}x{image.height} is too large"
                )
            is_black = _look(data)
            if shape == Shape() and not smaller:
                return Prepared(data, image.width, image.height, is_black)
            return _shape(image, shape, smaller=smaller, is_black=is_black)
    except BAD_PICTURE as error:
        raise SnapshotUnfit(f"the picture is damaged: {error}") from error


def _look(data: bytes | memoryview) -> bool:
    """Whether the picture is black; raises SnapshotUnfit if it broke off."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        size = tuple(max(1, length // LOOK_FACTOR) for length in image.size)
        image.draft("L", (size[0], size[1]))
        small = image.convert("L")
    seen = ImageStat.Stat(small)
    spread = seen.stddev[0]
    rows = small.height // PLAIN_PART
    if rows >= 1 and spread > LIVELY_SPREAD:
        bottom = small.crop((0, small.height - rows, small.width, small.height))
        darkest, brightest = ImageStat.Stat(bottom).extrema[0]
        # The night is black to the bit, and a lamp white, without any fault.
        if darkest == brightest and NIGHT < darkest < LAMP:
            raise SnapshotUnfit("the picture is damaged: it breaks off")
    return bool(seen.mean[0] < BLACK_MEAN and spread < BLACK_SPREAD)


def _shape(
    image: Image.Image, shape: Shape, *, smaller: bool, is_black: bool
) -> Prepared:
    shown = shape.orientation.seen(image.convert("RGB"))
    if shape.crop is not None:
        shown = shown.crop(_box(shape.crop, *shown.size))
    limit = shape.max_width or shown.width
    if smaller:
        limit = min(limit, SMALLER_WIDTH, max(1, 2 * shown.width // 3))
    if shown.width > limit:
        height = max(1, round(shown.height * limit / shown.width))
        shown = shown.resize((limit, height), Image.Resampling.BOX, reducing_gap=2.0)
    out = io.BytesIO()
    shown.save(out, "JPEG", quality=SMALLER_QUALITY if smaller else QUALITY)
    return Prepared(out.getvalue(), shown.width, shown.height, is_black)


def _box(crop: Crop, width: int, height: int) -> tuple[int, int, int, int]:
    left, top = round(crop.left * width), round(crop.top * height)
    right = max(left + 1, round((crop.left + crop.width) * width))
    return (
        left,
        top,
        min(right, width),
        min(max(top + 1, round((crop.top + crop.height) * height)), height),
    )
