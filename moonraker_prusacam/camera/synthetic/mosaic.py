# A JPEG of which parts can be exchanged.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encodes only what has changed of a picture.

After a restart marker a JPEG decoder begins anew (ITU-T T.81, E.1.4), so what lies
between two of them does not depend on the rest of the picture. Here each such interval
is a tile, and new ones are encoded as a picture of their own.
"""

from __future__ import annotations

import io
import re
import struct
from typing import TYPE_CHECKING

from .layout import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

# A unit of the encoder (MCU) where colour has half the resolution each way.
UNIT = 16
MOST_UNITS_A_TILE = 8
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_SOF, _SOS = 0xC0, 0xDA
_END = b"\xff\xd9"


class Mosaic:
    """A JPEG in tiles of some units in a row."""

    def __init__(self, image: Image.Image, size: tuple[int, int], quality: int) -> None:
        """A picture of ``size``, which is the upper left of ``image``.

        ``image`` has whole units; see ``padded``.
        """
        self._quality = quality
        units = image.width // UNIT
        self._units = max(n for n in range(1, MOST_UNITS_A_TILE + 1) if units % n == 0)
        self._tile = self._units * UNIT
        self._columns = units // self._units
        header, tiles = self._encode(image)
        self._header = _sized(header, size)
        self._parts: list[bytes] = []
        for number, tile in enumerate(tiles):
            self._parts += tile, bytes((0xFF, 0xD0 + number % 8))
        self._parts[-1] = _END

    def update(self, image: Image.Image, changed: Box) -> None:
        """Take what lies in ``changed`` from ``image``, in whole tiles."""
        left, top = max(changed.left, 0) // self._tile, max(changed.top, 0) // UNIT
        box = Box(
            left * self._tile,
            top * UNIT,
            min(-(-changed.right // self._tile) * self._tile, image.width),
            min(-(-changed.bottom // UNIT) * UNIT, image.height),
        )
        if box.is_empty:
            return
        _, tiles = self._encode(image.crop(box))
        columns = (box.right - box.left) // self._tile
        for number, tile in enumerate(tiles):
            row, column = divmod(number, columns)
            place = (top + row) * self._columns + left + column
            self._parts[2 * place] = tile

    def jpeg(self) -> bytes:
        """The whole picture as it is now."""
        return self._header + b"".join(self._parts)

    def _encode(self, image: Image.Image) -> tuple[bytes, list[bytes]]:
        """What stands before the tiles, and the tiles."""
        out = io.BytesIO()
        image.save(
            out,
            "JPEG",
            quality=self._quality,
            subsampling="4:2:0",
            restart_marker_blocks=self._units,
        )
        data = out.getvalue()
        begin = next(end for code, _, end in _segments(data) if code == _SOS)
        return data[:begin], _RESTART.split(data[begin : -len(_END)])


def padded(size: tuple[int, int]) -> tuple[int, int]:
    """The least size of whole units that holds ``size``."""
    width, height = size
    return -(-width // UNIT) * UNIT, -(-height // UNIT) * UNIT


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Code, begin and end of each segment, up to the first scan."""
    begin = 2
    while True:
        code = jpeg[begin + 1]
        end = begin + 2 + int.from_bytes(jpeg[begin + 2 : begin + 4], "big")
        yield code, begin, end
        if code == _SOS:
            return
        begin = end


def _sized(header: bytes, size: tuple[int, int]) -> bytes:
    """``header`` with another size in it."""
    sof = next(begin for code, begin, _ in _segments(header) if code == _SOF)
    width, height = size
    return header[: sof + 5] + struct.pack(">HH", height, width) + header[sof + 9 :]
