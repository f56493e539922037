# Pure-Python twin of ext/scanner.pyx; both change together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts a byte stream into JPEG images by walking their markers (ITU-T T.81, Annex B).

The structure decides where an image ends: segments are skipped by their length, so
thumbnails and comments inside are harmless, and whatever lies between images, such as
multipart headers or padding, is junk. Hops are made by ``re`` and ``find`` only.
Memory is the interpreter's: the bounds of the compiled twin's pool do not apply.
"""

from __future__ import annotations

import re
import struct
import time
from typing import TYPE_CHECKING, Final, final

from .frame import Frame, PoolStats, ScannerStats
from .huffman import STANDARD_DHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

_SOI, _EOI, _SOS, _DHT, _DNL = 0xD8, 0xD9, 0xDA, 0xC4, 0xDC
_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_APP: Final = frozenset({0xE1, 0xE2})
_METADATA: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
_LEAST_LENGTH: Final = dict.fromkeys(_SOF, 8) | {_DNL: 4}

_START: Final = b"\xff\xd8\xff"
_FILL: Final = re.compile(rb"\xff+")
_SCAN_END: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

_SEEK, _MARKER, _ENTROPY = range(3)

PIECE_BYTES: Final = 64 << 10
"""A larger read is taken in pieces, which bounds the buffer and suits the cache."""
READ_BYTES: Final = 256 << 10
"""The largest buffer that is given unless asked for more."""
SLACK_BYTES: Final = 4 << 10
"""Given beyond what is missing of an image."""
LARGEST_FRAME_BYTES: Final = 1 << 30
MOST_SLOTS: Final = 1 << 16


@final
class Scanner:
    """Turns reads of any size into the frames they complete, each byte looked at once.

    A read is fed, or received in place: into ``get_buffer()``, told by ``advance()``.

    An image is delivered when it has a size, at least one scan with data, and its
    end. A whole image is held back as `secondary` when it starts right where another
    ended and has neither that one's size nor the last frame's: the preview after the
    picture in MPF files. A raw stream that changes its size loses one frame by that.

    ``insert_dht`` puts the standard tables into frames that came without; such a
    frame may be 420 bytes larger than ``max_frame_bytes``. ``strip_app`` takes out the
    APP1 and APP2 segments before the first scan (EXIF, MPF), ``strip_thumbnails`` any
    metadata in which FF D8 or FF D9 stands: viewers that search for those trip over it.
    ``max_slots`` is for the compiled twin. At most
    ``max_frame_bytes`` and one piece of a read are held.
    """

    def __init__(
        self,
        max_frame_bytes: int = 8 << 20,
        *,
        max_slots: int = 16,
        insert_dht: bool = False,
        strip_app: bool = False,
        strip_thumbnails: bool = False,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not 1 <= max_frame_bytes <= LARGEST_FRAME_BYTES:
            raise ValueError(f"max_frame_bytes must be 1..{LARGEST_FRAME_BYTES}")
        if not 2 <= max_slots <= MOST_SLOTS:
            raise ValueError(f"max_slots must be 2..{MOST_SLOTS}")
        self._max_frame_bytes = max_frame_bytes
        self._insert_dht = insert_dht
        self._strip_app = strip_app
        self._strip_thumbnails = strip_thumbnails
        self._clock = clock
        self._bytes_in = self._frames = self._frame_bytes = 0
        self._junk_bytes = self._dropped_bytes = 0
        self._truncated = self._oversize = self._malformed = 0
        self._secondary = self._without_dht = 0
        self._frame_size = (0, 0)
        self._last_bytes = 0
        # The bytes from _start on are the open image, or the beginning of an SOI.
        self._buffer = bytearray()
        self._origin = 0  # offset in the stream of the buffer's first byte
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
        self._room: bytearray | None = None  # what get_buffer() gave, as _view
        self._view = memoryview(b"")

    def feed(self, data: Buffer) -> list[Frame]:
        """Take one read; return the frames that it completed, oldest first."""
        with memoryview(data).cast("B") as octets:
            if not octets:
                return []
            now_ns = self._clock()
            self._revoke()
            return self._take_read(octets, now_ns)

    def get_buffer(self, hint: int = -1) -> memoryview:
        """Where to put the next read, at least 1 byte; for ``recv_into``.

        It has ``hint`` bytes if that is positive, and fewer where more would be past
        the open image. Whatever is called next ends it: ``advance`` tells what came.
        """
        self._revoke()
        self._room = bytearray(self._wanted(hint))
        self._view = memoryview(self._room)
        return self._view

    def advance(self, n: int) -> list[Frame]:
        """Take the first ``n`` bytes of the buffer as one read; like ``feed``.

        Raises BufferError while somebody else still has a part of the buffer.
        """
        now_ns = self._clock() if n else 0
        room = self._room
        if room is None:
            raise ValueError("advance() without get_buffer()")
        if not 0 <= n <= len(room):
            raise ValueError(f"the buffer has no {n} bytes")
        self._revoke()
        with memoryview(room) as whole, whole[:n] as octets:
            return self._take_read(octets, now_ns) if n else []

    def reset(self) -> None:
        """Forget the open image, as on a new connection; counters and seq go on."""
        self._revoke()
        if self._state == _SEEK:
            self._junk_bytes += len(self._buffer)
        else:
            self._dropped_bytes += len(self._buffer)
        self._origin += len(self._buffer)
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
            starved=0,
        )

    @property
    def pool(self) -> PoolStats:
        """Nothing: this twin has no pool."""
        return PoolStats(slots=0, in_use=0, bytes=0, peak_bytes=0, limit_bytes=0)

    def _revoke(self) -> None:
        """Take back what get_buffer() gave."""
        if self._room is not None:
            self._view.release()
            # Refused with BufferError while there are slices of the view.
            self._room.append(0)
            self._room.pop()
            self._room = None

    def _wanted(self, hint: int) -> int:
        """About what is missing of the open image; both twins must agree on it."""
        most = hint if hint > 0 else READ_BYTES
        pending = len(self._buffer)
        if self._last_bytes > pending:
            return min(self._last_bytes - pending + SLACK_BYTES, most)
        if self._last_bytes:
            return min(pending // 16 + SLACK_BYTES, most)
        return min(PIECE_BYTES, most)

    def _take_read(self, octets: memoryview, now_ns: int) -> list[Frame]:
        frames: list[Frame] = []
        self._previous_ns, self._now_ns = self._now_ns, now_ns
        self._carried = len(self._buffer)
        self._bytes_in += len(octets)
        for offset in range(0, len(octets), PIECE_BYTES):
            if not self._buffer:
                self._first_ns = now_ns
            self._buffer += octets[offset : offset + PIECE_BYTES]
            self._scan(frames)
            self._compact()
        return frames

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
            self._last_bytes = end - self._start
            self._without_dht += not self._has_dht
            frames.append(self._make_frame(end))
        self._state = _SEEK
        self._move_start(end)

    def _make_frame(self, end: int) -> Frame:
        with memoryview(self._buffer)[self._start : end] as image:
            return Frame(
                self._edited(image),
                seq=self._frames,
                width=self._width,
                height=self._height,
                has_dht=self._has_dht,
                first_ns=self._first_ns,
                last_ns=self._now_ns,
                wall_time=time.time(),
                offset=self._origin + self._start,
            )

    def _edited(self, image: memoryview) -> Buffer:
        """The image with tables put in and segments taken out, as configured."""
        insert = self._insert_dht and not self._has_dht
        if not (insert or self._strip_app or self._strip_thumbnails):
            return image
        head = self._stripped(bytes(image[: self._sos_offset]))
        return b"".join(
            (head, STANDARD_DHT if insert else b"", image[self._sos_offset :])
        )

    def _stripped(self, head: bytes) -> bytes:
        """What stands before the first scan, without what is to be left out."""
        kept = [head[:2]]
        position = 2
        while position < len(head):
            # Fill may end the head: the byte behind it is the FF of SOS.
            code = head[position + 1] if position + 1 < len(head) else 0xFF
            end = position + 1
            if code in _STANDALONE:
                end = position + 2
            elif code != 0xFF:
                (length,) = struct.unpack_from(">H", head, position + 2)
                end = position + 2 + length
            if not self._is_left_out(code, head[position + 2 : end]):
                kept.append(head[position:end])
            position = end
        return b"".join(kept)

    def _is_left_out(self, code: int, segment: bytes) -> bool:
        if self._strip_app and code in _APP:
            return True
        has_image = code in _METADATA and (
            b"\xff\xd8" in segment or b"\xff\xd9" in segment
        )
        return self._strip_thumbnails and has_image

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
            self._origin += start
            self._position -= start
            self._carried = max(0, self._carried - start)
            self._start = 0
