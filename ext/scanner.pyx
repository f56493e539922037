# Compiled twin of camera/_scanner_py.py; both change together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# cython: language_level=3, freethreading_compatible=True, embedsignature=True
"""Frames out of a camera's bytes: framer.h, scan.h and frame_pool.h for Python.

What the three do needs no GIL; here they get their names in Python. A native thread of
another extension module may make frames, too: ``frame_from_capsule`` takes them in.
"""

import time

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from framing cimport (
    FRAME_CAPSULE,
    FRAMER_CAPSULE,
    FRAME_HEADER_BYTES,
    SCAN_LARGEST_FRAME_BYTES,
    frame_new,
    frame_pool_stats,
    frame_pool_stats_t,
    frame_release,
    frame_retain,
    frame_t,
    framer_advance,
    framer_close,
    framer_feed,
    framer_init,
    framer_now_ns,
    framer_pending,
    framer_reset,
    framer_room,
    framer_strip_t,
    framer_t,
    framer_tell,
    framer_told,
    scan_t,
)
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy

from moonraker_prusacam.camera.frame import PoolStats, ScannerStats, part_header
from moonraker_prusacam.camera.huffman import STANDARD_DHT

cdef extern from "Python.h":
    # From 3.11 on in the limited API.
    int PyBuffer_FillInfo(
        Py_buffer*, object, void*, Py_ssize_t, int readonly, int flags
    ) except -1

release_view = memoryview.release

cdef enum:
    # Smaller reads keep the GIL: their scan takes less than some 30 us, while to get
    # the GIL back from a busy thread takes up to its switch interval of 5 ms.
    NOGIL_BYTES = 256 << 10
    MOST_SLOTS = 1 << 16


@cython.final
cdef class Frame:
    """One whole JPEG as a camera sent it; shared freely, equal only to itself.

    It is its bytes: a read-only buffer without a copy. ``first_ns`` and ``last_ns`` are
    CLOCK_MONOTONIC nanoseconds, taken when the reads with its first and its last byte
    were fed; ``wall_time`` is Unix seconds at the latter. ``seq`` counts the frames of
    one scanner from 1, ``offset`` its bytes up to the frame. ``has_dht`` is false when
    the camera left the Huffman tables out, as UVC cameras do. ``part_header`` holds the
    headers of this frame as a part of multipart/x-mixed-replace.
    """

    cdef frame_t* frame  # owns one reference; NULL before __init__

    def __init__(
        self,
        data,
        *,
        uint64_t seq,
        uint16_t width,
        uint16_t height,
        bint has_dht,
        int64_t first_ns,
        int64_t last_ns,
        double wall_time,
        uint64_t offset=0,
    ) -> None:
        if self.frame != NULL:
            raise TypeError("a frame cannot be changed")
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            header = part_header(view.len, wall_time)
            if len(header) > FRAME_HEADER_BYTES:
                raise ValueError("wall_time is out of range")
            self.frame = frame_new(view.len)
            if self.frame == NULL:
                raise MemoryError
            memcpy(self.frame.base, view.buf, view.len)
            self.frame.size = view.len
        finally:
            PyBuffer_Release(&view)
        memcpy(self.frame.part_header, <const char*>header, len(header))
        self.frame.part_header_size = len(header)
        self.frame.seq = seq
        self.frame.offset = offset
        self.frame.width = width
        self.frame.height = height
        self.frame.has_dht = has_dht
        self.frame.first_ns = first_ns
        self.frame.last_ns = last_ns
        self.frame.wall_time = wall_time

    def __dealloc__(self) -> None:
        if self.frame != NULL:
            frame_release(self.frame)

    def __getbuffer__(self, Py_buffer* buffer, int flags) -> None:
        cdef frame_t* frame = self.made()
        PyBuffer_FillInfo(buffer, self, <void*>frame.data, frame.size, 1, flags)

    def __len__(self) -> int:
        return self.made().size

    def __repr__(self) -> str:
        return (
            f"<Frame {self.seq}: {self.width}x{self.height}, {len(self)} bytes>"
        )

    @property
    def data(self) -> memoryview:
        """The JPEG; no copy."""
        return PyMemoryView_FromObject(self)

    @property
    def seq(self) -> int:
        return self.made().seq

    @property
    def offset(self) -> int:
        return self.made().offset

    @property
    def width(self) -> int:
        return self.made().width

    @property
    def height(self) -> int:
        return self.made().height

    @property
    def has_dht(self) -> bool:
        return self.made().has_dht

    @property
    def first_ns(self) -> int:
        return self.made().first_ns

    @property
    def last_ns(self) -> int:
        return self.made().last_ns

    @property
    def wall_time(self) -> float:
        return self.made().wall_time

    @property
    def part_header(self) -> bytes:
        cdef frame_t* frame = self.made()
        return PyBytes_FromStringAndSize(frame.part_header, frame.part_header_size)

    def age_s(self, now_ns=None) -> float:
        """Seconds since the last byte arrived, on the clock of ``last_ns``."""
        if now_ns is None:
            now_ns = time.monotonic_ns()
        return (now_ns - self.last_ns) / 1e9

    def with_data(self, data) -> Frame:
        """The same frame with another JPEG, which is copied."""
        return Frame(
            data,
            seq=self.seq,
            width=self.width,
            height=self.height,
            has_dht=self.has_dht,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            wall_time=self.wall_time,
            offset=self.offset,
        )

    def capsule(self) -> object:
        """The frame for another extension module, as frame_pool.h tells."""
        cdef frame_t* frame = frame_retain(self.made())
        try:
            return PyCapsule_New(frame, FRAME_CAPSULE, release_capsule)
        except BaseException:
            frame_release(frame)
            raise

    cdef frame_t* made(self) except NULL:
        if self.frame == NULL:
            raise ValueError("the frame was never initialised")
        return self.frame


def frame_from_capsule(capsule) -> Frame:
    """The frame in a capsule of ours, which keeps its own reference."""
    cdef frame_t* frame = <frame_t*>PyCapsule_GetPointer(capsule, FRAME_CAPSULE)
    return own(frame_retain(frame))


cdef void release_capsule(object capsule) noexcept:
    frame_release(<frame_t*>PyCapsule_GetPointer(capsule, FRAME_CAPSULE))


cdef Frame own(frame_t* frame):
    """The Frame of a reference, which is the caller's no more."""
    cdef Frame made
    try:
        made = Frame.__new__(Frame)
    except BaseException:
        frame_release(frame)
        raise
    made.frame = frame
    return made


cdef list own_all(frame_t* frame):
    """The frames of a list, likewise."""
    cdef list frames = []
    cdef frame_t* following
    while frame != NULL:
        following = frame.next
        frames.append(own(frame))
        frame = following
    return frames


@cython.final
cdef class _Room:
    """The free part of a slot, which lives as long as anybody can write into it."""

    cdef frame_t* slot
    cdef uint8_t* begin
    cdef size_t size
    cdef size_t exports

    def __dealloc__(self) -> None:
        if self.slot != NULL:
            frame_release(self.slot)

    def __getbuffer__(self, Py_buffer* buffer, int flags) -> None:
        PyBuffer_FillInfo(buffer, self, self.begin, self.size, 0, flags)
        self.exports += 1

    def __releasebuffer__(self, Py_buffer* buffer) -> None:
        self.exports -= 1


@cython.final
cdef class Scanner:
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

    Frames lie in slots of one pool. All slots together take at most as much memory as
    ``max_slots`` of the largest size, ``pool.limit_bytes``; there may be more of them
    when they are smaller. While others hold so many frames that there is no slot for
    a new one, frames are dropped and counted as `starved`. Frames outlive the scanner.
    """

    cdef framer_t framer
    cdef _Room room  # what get_buffer() gave, as `view`
    cdef object view
    cdef bytes dht  # framer.h points into it
    cdef object clock
    cdef bint is_lent  # a native thread works on the framer
    cdef cython.pythread_type_lock lock  # large reads are walked without the GIL

    def __cinit__(
        self,
        max_frame_bytes: int = 8 << 20,
        *,
        max_slots: int = 16,
        insert_dht: bool = False,
        strip_app: bool = False,
        strip_thumbnails: bool = False,
        clock=time.monotonic_ns,
    ) -> None:
        cdef const uint8_t* dht = NULL
        cdef framer_strip_t strip
        if not 1 <= max_frame_bytes <= SCAN_LARGEST_FRAME_BYTES:
            raise ValueError(f"max_frame_bytes must be 1..{SCAN_LARGEST_FRAME_BYTES}")
        if not 2 <= max_slots <= MOST_SLOTS:
            raise ValueError(f"max_slots must be 2..{MOST_SLOTS}")
        if clock is not time.monotonic_ns:  # which framer.h reads faster
            self.clock = clock
        self.dht = STANDARD_DHT
        if insert_dht:
            dht = <const uint8_t*><const char*>self.dht
        strip.app = strip_app
        strip.thumbnails = strip_thumbnails
        if not framer_init(
            &self.framer, max_frame_bytes, max_slots, dht, len(self.dht), strip
        ):
            raise MemoryError
        framer_tell(&self.framer)

    def __dealloc__(self) -> None:
        framer_close(&self.framer)

    def feed(self, data) -> list:
        """Take one read; return the frames that it completed, oldest first."""
        cdef Py_buffer view
        cdef int64_t now_ns
        cdef const uint8_t* begin
        cdef frame_t* frames = NULL
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if view.len:
                now_ns = self.now_ns()
                begin = <const uint8_t*>view.buf
                with self.lock:
                    self.check_free()
                    self.revoke()
                    if view.len < NOGIL_BYTES:
                        frames = framer_feed(&self.framer, begin, view.len, now_ns)
                    else:
                        with nogil:
                            frames = framer_feed(&self.framer, begin, view.len, now_ns)
        finally:
            PyBuffer_Release(&view)
        return own_all(frames)

    def get_buffer(self, Py_ssize_t hint=-1) -> memoryview:
        """Where to put the next read, at least 1 byte; for ``recv_into``.

        It has ``hint`` bytes if that is positive, and fewer where more would be past
        the open image. Whatever is called next ends it: ``advance`` tells what came.
        """
        cdef _Room room = _Room.__new__(_Room)
        with self.lock:
            self.check_free()
            self.revoke()
            room.begin = framer_room(&self.framer, hint, &room.size)
            room.slot = frame_retain(self.framer.slot)
            self.view = PyMemoryView_FromObject(room)
            self.room = room
            return self.view

    def advance(self, Py_ssize_t n) -> list:
        """Take the first ``n`` bytes of the buffer as one read; like ``feed``.

        Raises BufferError while somebody else still has a part of the buffer.
        """
        cdef int64_t now_ns = self.now_ns() if n else 0
        cdef frame_t* frames = NULL
        with self.lock:
            self.check_free()
            if self.room is None:
                raise ValueError("advance() without get_buffer()")
            if n < 0 or <size_t>n > self.room.size:
                raise ValueError(f"the buffer has no {n} bytes")
            self.revoke()
            if n < NOGIL_BYTES:
                frames = framer_advance(&self.framer, n, now_ns)
            else:
                with nogil:
                    frames = framer_advance(&self.framer, n, now_ns)
        return own_all(frames)

    def reset(self) -> None:
        """Forget the open image, as on a new connection; counters and seq go on."""
        with self.lock:
            self.check_free()
            self.revoke()
            framer_reset(&self.framer)

    @property
    def pending_bytes(self) -> int:
        """Bytes held: the open image, or what may be the beginning of one."""
        with self.lock:
            self.check_free()
            return framer_pending(&self.framer)

    def lend(self) -> object:
        """The framer for a native thread of another extension module, in a capsule.

        Until ``give_back`` all that others may do is to ask for ``stats`` and ``pool``.
        The scanner must outlive the loan.
        """
        with self.lock:
            self.check_free()
            self.revoke()
            capsule = PyCapsule_New(&self.framer, FRAMER_CAPSULE, NULL)
            framer_tell(&self.framer)  # of what was fed until now
            self.is_lent = True
            return capsule

    def give_back(self) -> None:
        """End the loan: no thread works on the framer any more."""
        with self.lock:
            self.is_lent = False

    @property
    def stats(self) -> ScannerStats:
        """The counters as they are now."""
        cdef scan_t scan
        with self.lock:
            if not self.is_lent:
                framer_tell(&self.framer)
            scan = framer_told(&self.framer)
        return ScannerStats(
            bytes_in=scan.bytes_in,
            frames=scan.frames,
            frame_bytes=scan.frame_bytes,
            junk_bytes=scan.junk_bytes,
            dropped_bytes=scan.dropped_bytes,
            truncated=scan.truncated,
            oversize=scan.oversize,
            malformed=scan.malformed,
            secondary=scan.secondary,
            without_dht=scan.without_dht,
            starved=scan.starved,
        )

    @property
    def pool(self) -> PoolStats:
        """The memory that the frames take now."""
        cdef frame_pool_stats_t stats = frame_pool_stats(self.framer.pool)
        return PoolStats(
            slots=stats.slots,
            in_use=stats.in_use,
            bytes=stats.bytes,
            peak_bytes=stats.peak_bytes,
            limit_bytes=stats.limit_bytes,
        )

    cdef int64_t now_ns(self) except? -1:
        return framer_now_ns() if self.clock is None else self.clock()

    cdef int check_free(self) except -1:
        if self.is_lent:
            raise BufferError("a native thread works on this scanner")
        return 0

    cdef int revoke(self) except -1:
        """Take back what get_buffer() gave, so that no frame is written into."""
        if self.room is not None:
            release_view(self.view)
            if self.room.exports:  # to slices of the view
                raise BufferError("a part of the buffer is still in use")
            self.room = self.view = None
        return 0
