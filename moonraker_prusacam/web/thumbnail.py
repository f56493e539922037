# Pictures inside pictures.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes thumbnails out of the frames that go into streams.

Mainsail's and Mobileraker's parsers look for FF D8 and FF D9 wherever they stand. With
a thumbnail in a frame's metadata (EXIF, JFXX) the first shows nothing, and the second
the thumbnail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Jpeg = TypeVar("Jpeg", bytes, memoryview)

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
SOS_CODE = 0xDA
# Markers without a length: TEM and RSTn.
STANDALONE_CODES = frozenset((0x01, *range(0xD0, 0xD8)))
# APPn and COM: an image decodes without them.
METADATA_CODES = frozenset((*range(0xE0, 0xF0), 0xFE))


def without_thumbnails(jpeg: Jpeg) -> Jpeg | bytes:
    """``jpeg`` without those metadata segments that hold FF D8 or FF D9."""
    kept: list[bytes | memoryview] = []
    kept_from = 0
    for begin, end in _metadata(jpeg):
        segment = bytes(jpeg[begin:end])
        if SOI in segment or EOI in segment:
            kept.append(jpeg[kept_from:begin])
            kept_from = end
    return b"".join((*kept, jpeg[kept_from:])) if kept else jpeg


def _metadata(jpeg: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Begin and end of each metadata segment before the first scan."""
    position = len(SOI)
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF:
        code = jpeg[position + 1]
        if code == SOS_CODE:
            return
        begin = position
        if code == 0xFF:  # a fill byte
            position += 1
        elif code in STANDALONE_CODES:
            position += 2
        else:
            position += 2 + int.from_bytes(jpeg[begin + 2 : begin + 4])
        if code in METADATA_CODES:
            yield begin, position
