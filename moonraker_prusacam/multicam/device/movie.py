# A video that grows, and is one at any moment.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEGs with their true times, in an MP4 that survives a crash and a power cut.

While it grows, the file is a fragmented MP4, of which all fragments but the last one
are on disk. ``finish`` makes it an ordinary one without a copy of any frame: a table of
contents goes to its end, and then 16 octets at its begin turn all that lies between
into one ``mdat``. Until those are written the file is the fragmented one, and then the
ordinary one.

The camera's JPEGs are stored as they come: that costs the host no computing while it
prints, and each picture keeps the moment at which it came.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from . import movie_boxes as boxes
from .movie_scan import scan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .ring import RingFrame

NS = 1_000_000_000
# How long a frame is shown where nothing tells when the next one came.
LONE_FRAME_TICKS = boxes.TIMESCALE // 10
# What one writev() takes at most (IOV_MAX); with the head of the fragment.
MAX_FRAGMENT_FRAMES = 1000
MAX_TICKS = (1 << 32) - 1


class Movie:
    """A video under way. All of its methods block on the disk, and raise OSError."""

    def __init__(
        self,
        descriptor: int,
        size: tuple[int, int],
        created_s: float,
        table: boxes.SampleTable,
        end: int,
    ) -> None:
        self._descriptor = descriptor
        self._width, self._height = size
        self._created_s = created_s
        self._table = table
        self._end = end
        self._ticks = table.ticks
        self._fragments = len(table.chunk_offsets)
        self._pending: RingFrame | None = None
        self._first_ns = 0
        self.is_whole = False

    @classmethod
    def create(cls, path: Path, first: RingFrame) -> Self:
        """Begin a file that must not exist; ``first`` tells its size and its time."""
        size = first.width, first.height
        head = boxes.head(*size, first.unix_s)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        try:
            _write(descriptor, [head])
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, size, first.unix_s, boxes.SampleTable(), len(head))

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """Go on with a file after a crash, behind its last whole fragment.

        Raises VideoDamaged where it is none of ours.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            found = scan(descriptor)
            if not found.is_finished:
                os.ftruncate(descriptor, found.end)
                os.lseek(descriptor, found.end, os.SEEK_SET)
        except BaseException:
            os.close(descriptor)
            raise
        size = found.width, found.height
        movie = cls(descriptor, size, found.created_s, found.table, found.end)
        movie.is_whole = found.is_finished
        return movie

    @property
    def frames(self) -> int:
        """How many are in the file, or wait for the next one to tell their duration."""
        return len(self._table.sizes) + (self._pending is not None)

    @property
    def size_bytes(self) -> int:
        """How large the file is, but for the frame that waits."""
        return self._end

    @property
    def duration_s(self) -> float:
        """How long it takes to show what is in the file."""
        return self._ticks / boxes.TIMESCALE

    def add(self, frames: Sequence[RingFrame]) -> None:
        """Make ``frames``, in their order, durable as one fragment.

        The last one waits for the next call: only then is known how long it is shown.
        """
        held = [self._pending] if self._pending is not None else []
        shown = [*held, *frames]
        if not shown:
            return
        if self._pending is None:
            self._first_ns = shown[0].first_ns
        for begin in range(0, len(shown) - 1, MAX_FRAGMENT_FRAMES):
            some = shown[begin : begin + MAX_FRAGMENT_FRAMES + 1]
            self._append(some[:-1], some[1:])
        self._pending = shown[-1]

    def _append(self, frames: Sequence[RingFrame], next_ones: list[RingFrame]) -> None:
        """Write ``frames``; each is shown until that of ``next_ones`` was there."""
        durations, end = [], self._ticks
        for frame in next_ones:
            passed = (frame.first_ns - self._first_ns) * boxes.TIMESCALE // NS
            # Frames that came with one read have one time.
            begin, end = end, max(end + 1, passed)
            durations.append(min(end - begin, MAX_TICKS))
        self._write_fragment(frames, durations)

    def _write_fragment(
        self, frames: Sequence[RingFrame], durations: Sequence[int]
    ) -> None:
        sizes = [len(frame.data) for frame in frames]
        head = boxes.fragment_head(self._fragments + 1, self._ticks, sizes, durations)
        try:
            _write(self._descriptor, [head, *(frame.data for frame in frames)])
            os.fdatasync(self._descriptor)
            forget_cached(self._descriptor, self._end, len(head) + sum(sizes))
        except OSError:
            # What may follow has to begin where this fragment did.
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            raise
        self._table.add(self._end + len(head), sizes, durations)
        self._end += len(head) + sum(sizes)
        self._ticks += sum(durations)
        self._fragments += 1

    def finish(self) -> int:
        """Make it an ordinary MP4, durably; its size in octets. Then close it."""
        try:
            if not self.is_whole:
                self._complete()
            return os.fstat(self._descriptor).st_size
        finally:
            self.close()

    def _complete(self) -> None:
        if self._pending is not None:
            known = self._table.durations
            last = known[-1] if known else LONE_FRAME_TICKS
            self._write_fragment([self._pending], [last])
            self._pending = None
        place = boxes.place_offset()
        table = boxes.contents(self._table, self._width, self._height, self._created_s)
        _write(self._descriptor, [table])
        # Each step is on disk before the next one: the order makes it safe.
        os.fdatasync(self._descriptor)
        os.pwrite(self._descriptor, boxes.wide_mdat(self._end - place), place)
        os.fsync(self._descriptor)
        self.is_whole = True

    def close(self) -> None:
        """Leave the file as it is. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def forget_cached(descriptor: int, begin: int, size_bytes: int) -> None:
    """Have the kernel keep no copy of what is on the disk.

    A print takes days: gigabytes that nobody reads now would push what Klipper reads
    out of a small host's memory.
    """
    with suppress(OSError):  # a hint, which not all file systems take
        os.posix_fadvise(descriptor, begin, size_bytes, os.POSIX_FADV_DONTNEED)


def _write(descriptor: int, parts: Sequence[bytes]) -> None:
    """Write all of ``parts``; raises OSError."""
    left = [memoryview(part) for part in parts]
    while left:
        written = os.writev(descriptor, left)
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left and written:
            left[0] = left[0][written:]
