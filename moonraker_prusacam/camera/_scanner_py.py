# Pure-Python twin of ext/scanner.pyx; both change together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts a byte stream into JPEG images by walking their markers (ITU-T T.81, Annex B).

The structure decides where an image ends: segments are skipped by their length, so
thumbnails and comments inside are harmless, and whatever lies between images, such as
multipart headers or padding, is junk. Hops are made by ``re`` and ``find`` only.
"""

from __future__ import annotations

import re
import struct
import time
from typing import TYPE_CHECKING, Final, final

from .frame import Frame, ScannerStats
from .huffman import STANDARD_DHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

_SOI, _EOI, _SOS, _DHT, _DNL = 0xD8, 0xD9, 0xDA, 0xC4, 0xDC
_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_LEAST_LENGTH: Final = dict.fromkeys(_SOF, 8) | {_DNL: 4}

_START: Final = b"\xff\xd8\xff"
_FILL: Final = re.compile(rb"\xff+")
_SCAN_END: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

_SEEK, _MARKER, _ENTROPY = range(3)

PIECE_BYTES: Final = 64 << 10
"""A larger read is taken in pieces, which bounds the buffer and suits the cache."""
LARGEST_FRAME_BYTES: Final = 1 << 30


@final
class Scanner:
    """Turns reads of any size into the frames they complete, each byte looked at once.

    An image is delivered when it has a size, at least one scan with data, and its
    end. A whole image is held back as `secondary` when it starts right where another
    ended and has neither that one's size nor the last frame's: the preview after the
    picture in MPF files. A raw stream that changes its size loses one frame by that.

    ``insert_dht`` puts the standard tables into frames that came without; such a
    frame may be 420 bytes larger than ``max_frame_bytes``. At most
    ``max_frame_bytes`` and one piece of a read are held.
    """

    def __init__(
        self,
        max_frame_bytes: int = 8 << 20,
        *,
        insert_dht: bool = False,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not 1 <= max_frame_bytes <= LARGEST_FRAME_BYTES:
            raise ValueError(f"max_frame_bytes must be 1..{LARGEST_FRAME_BYTES}")
        self._max_frame_bytes = max_frame_bytes
        self._insert_dht = insert_dht
        self._clock = clock
        self._bytes_in = self._frames = self._frame_bytes = 0
        self._junk_bytes = self._dropped_bytes = 0
        self._truncated = self._oversize = self._malformed = 0
        self._secondary = self._without_dht = 0
        self._frame_size = (0, 0)
        # The bytes from _start on are the open image, or the beginning of an SOI.
        self._buffer = bytearray()
        self._start = self._position = 0
        self._state = _SEEK
        # The open image, and the size of the one that ended at _start.
        self._width = self._height = self._sos_offset = 0
        self._has_dht = self._has_scan = False
        self._neighbour_size: tuple[int, int] | None = None
        # Times: of the byte at _start, of this read, and of the one before, whose
        # bytes are the first _carried ones of the buffer.
        self._first_ns = self._now_ns = self._previous_ns = 0
        self._carried = 0

    def feed(self, data: Buffer) -> list[Frame]:
        """Take one read; return the frames that it completed, oldest first."""
        frames: list[Frame] = []
        with memoryview(data).cast("B") as octets:
            if not octets:
                return frames
            self._previous_ns, self._now_ns = self._now_ns, self._clock()
            self._carried = len(self._buffer)
            self._bytes_in += len(octets)
            for offset in range(0, len(octets), PIECE_BYTES):
                if not self._buffer:
                    self._first_ns = self._now_ns
                self._buffer += octets[offset : offset + PIECE_BYTES]
                self._scan(frames)
                self._compact()
        return frames

    def reset(self) -> None:
        """Forget the open image, as on a new connection; counters and seq go on."""
        if self._state == _SEEK:
            self._junk_bytes += len(self._buffer)
        else:
            self._dropped_bytes += len(self._buffer)
        self._buffer = bytearray()
        self._start = 0
        self._state = _SEEK
        self._neighbour_size = None

    @property
    def pending_bytes(self) -> int:
        """Bytes held: the open image, or what may be the beginning of one."""
        return len(self._buffer)

    @property
    def stats(self) -> ScannerStats:
        """The counters as they are now."""
        return ScannerStats(
            bytes_in=self._bytes_in,
            frames=self._frames,
            frame_bytes=self._frame_bytes,
            junk_bytes=self._junk_bytes,
            dropped_bytes=self._dropped_bytes,
            truncated=self._truncated,
            oversize=self._oversize,
            malformed=self._malformed,
            secondary=self._secondary,
            without_dht=self._without_dht,
        )

    def _scan(self, frames: list[Frame]) -> None:
        """Walk as far as the buffer goes; no image is followed past its limit."""
        while True:
            if self._state == _SEEK and not self._seek():
                return
            size = len(self._buffer)
            end = min(size, self._start + self._max_frame_bytes)
            if self._state == _MARKER:
                moved = self._take_marker(end, frames)
            else:
                moved = self._skip_entropy(end)
            if moved:
                continue
            if end == size:
                return
            self._oversize += 1
            self._drop(min(self._position, end))

    def _seek(self) -> bool:
        """Find the next SOI; false: none yet."""
        buffer = self._buffer
        found = buffer.find(_START, self._start)
        start = found
        if found < 0:
            start = len(buffer)
            for length in (2, 1):
                if buffer.endswith(_START[:length], self._start):
                    start -= length
                    break
        if start > self._start:
            self._junk_bytes += start - self._start
            self._neighbour_size = None
            self._move_start(start)
        if found < 0:
            return False
        self._begin_image()
        self._state = _MARKER
        self._position = start + 2
        return True

    def _take_marker(self, end: int, frames: list[Frame]) -> bool:
        """Step over what is due at a marker's place; false: it is not all there."""
        buffer, position = self._buffer, self._position
        if position + 2 > end:
            return False
        prefix, code = buffer[position : position + 2]
        if prefix != 0xFF or code == 0x00:
            self._drop_malformed(position)
        elif code == 0xFF:
            fill = _FILL.match(buffer, position, end)
            self._position = fill.end() - 1 if fill else position
        elif code == _SOI:
            self._truncated += 1
            self._drop(position)
        elif code == _EOI:
            self._end_image(position + 2, frames)
        elif code in _STANDALONE:
            self._position = position + 2
        else:
            return self._skip_segment(code, end)
        return True

    def _skip_segment(self, code: int, end: int) -> bool:
        """Step over a segment by its length; false: its head is not all there."""
        buffer, position = self._buffer, self._position
        if position + 4 > end:
            return False
        (length,) = struct.unpack_from(">H", buffer, position + 2)
        least_length = _LEAST_LENGTH.get(code, 2)
        if length < least_length:
            self._drop_malformed(position)
            return True
        if position + 2 + least_length > end:
            return False
        if code in _SOF and not self._width:
            self._height, self._width = struct.unpack_from(">HH", buffer, position + 5)
        elif code == _DNL and not self._height:
            (self._height,) = struct.unpack_from(">H", buffer, position + 4)
        elif code == _DHT and not self._sos_offset:
            self._has_dht = True
        elif code == _SOS:
            if not self._width:
                self._drop_malformed(position)
                return True
            self._sos_offset = self._sos_offset or position - self._start
            self._state = _ENTROPY
        self._position = position + 2 + length
        return True

    def _skip_entropy(self, end: int) -> bool:
        """Step over entropy-coded data to the next marker; false: it goes on."""
        position = self._position
        if position >= end:
            return False
        marker = _SCAN_END.search(self._buffer, position, end)
        if marker:
            self._position = marker.start()
            self._state = _MARKER
        else:
            self._position = end - (self._buffer[end - 1] == 0xFF)
        if self._position > position:
            self._has_scan = True
        return marker is not None

    def _begin_image(self) -> None:
        self._width = self._height = self._sos_offset = 0
        self._has_dht = self._has_scan = False

    def _end_image(self, end: int, frames: list[Frame]) -> None:
        if not (self._has_scan and self._height):
            self._drop_malformed(end)
            return
        size = (self._width, self._height)
        neighbour, self._neighbour_size = self._neighbour_size, size
        if neighbour and size not in (neighbour, self._frame_size):
            self._secondary += 1
            self._dropped_bytes += end - self._start
        else:
            self._frame_size = size
            self._frames += 1
            self._frame_bytes += end - self._start
            self._without_dht += not self._has_dht
            frames.append(self._make_frame(end))
        self._state = _SEEK
        self._move_start(end)

    def _make_frame(self, end: int) -> Frame:
        with memoryview(self._buffer)[self._start : end] as image:
            if self._has_dht or not self._insert_dht:
                data = bytes(image)
            else:
                head, rest = image[: self._sos_offset], image[self._sos_offset :]
                with head, rest:
                    data = b"".join((head, STANDARD_DHT, rest))
        return Frame(
            data=data,
            seq=self._frames,
            width=self._width,
            height=self._height,
            has_dht=self._has_dht,
            first_ns=self._first_ns,
            last_ns=self._now_ns,
            wall_time=time.time(),
        )

    def _drop_malformed(self, resume: int) -> None:
        self._malformed += 1
        self._drop(resume)

    def _drop(self, resume: int) -> None:
        """Give up the open image and look for the next from `resume` on."""
        self._dropped_bytes += resume - self._start
        self._neighbour_size = None
        self._state = _SEEK
        self._move_start(resume)

    def _move_start(self, start: int) -> None:
        self._start = start
        # A start before this read's bytes is an FF that ended the read before.
        self._first_ns = self._now_ns if start >= self._carried else self._previous_ns

    def _compact(self) -> None:
        start = self._start
        if start:
            del self._buffer[:start]
            self._position -= start
            self._carried = max(0, self._carried - start)
            self._start = 0
