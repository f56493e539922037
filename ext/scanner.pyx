# Compiled twin of camera/_scanner_py.py; both change together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# cython: language_level=3, freethreading_compatible=True, embedsignature=True
"""Cuts a byte stream into JPEG images by walking their markers (ITU-T T.81, Annex B).

The walk is a C function over a plain buffer that resumes at any byte and needs no GIL;
in entropy-coded data it hops from FF to FF by memchr. It knows nothing of how bytes
get into the buffer, so a source may as well receive straight into it.
"""

import time

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy, memmove

from moonraker_prusacam.camera.frame import Frame, ScannerStats
from moonraker_prusacam.camera.huffman import STANDARD_DHT

ctypedef const unsigned char* octets

cdef enum:
    # A larger read is taken in pieces, which bounds the buffer and suits the cache.
    PIECE_BYTES = 64 << 10
    # Smaller reads keep the GIL: their scan takes less than some 30 us, while to get
    # the GIL back from a busy thread takes up to its switch interval of 5 ms.
    NOGIL_BYTES = 256 << 10
    LARGEST_FRAME_BYTES = 1 << 30

cdef enum Marker:
    TEM = 0x01
    SOF0 = 0xC0
    DHT = 0xC4
    JPG = 0xC8
    DAC = 0xCC
    SOF15 = 0xCF
    RST0 = 0xD0
    RST7 = 0xD7
    SOI = 0xD8
    EOI = 0xD9
    SOS = 0xDA
    DNL = 0xDC

cdef enum State:
    SEEK
    IN_MARKER
    IN_ENTROPY

cdef struct Size:
    int width
    int height

cdef struct Walk:
    # The buffer. Bytes from `start` on are the open image, or the beginning of an SOI.
    unsigned char* base
    Py_ssize_t capacity
    Py_ssize_t size
    Py_ssize_t start
    Py_ssize_t position  # may lie beyond `size`, in a segment that is to come
    Py_ssize_t max_frame_bytes
    State state
    # The open image.
    Size image
    Py_ssize_t sos_offset
    bint has_dht
    bint has_scan
    # Of the last frame, and of the image that ended at `start`; width 0: none.
    Size frame
    Size neighbour
    # Times: of the byte at `start`, of this read, and of the one before, whose bytes
    # are the first `carried` ones of the buffer.
    int64_t first_ns
    int64_t now_ns
    int64_t previous_ns
    Py_ssize_t carried
    # Counters, see ScannerStats.
    uint64_t bytes_in
    uint64_t frames
    uint64_t frame_bytes
    uint64_t junk_bytes
    uint64_t dropped_bytes
    uint64_t truncated
    uint64_t oversize
    uint64_t malformed
    uint64_t secondary
    uint64_t without_dht


cdef inline Py_ssize_t big_endian(octets at) noexcept nogil:
    return (at[0] << 8) | at[1]


cdef inline bint is_standalone(int code) noexcept nogil:
    return code == TEM or RST0 <= code <= RST7


cdef inline bint is_sof(int code) noexcept nogil:
    return SOF0 <= code <= SOF15 and code != DHT and code != JPG and code != DAC


cdef inline bint is_size_of(Size one, Size other) noexcept nogil:
    return one.width == other.width and one.height == other.height


cdef void move_start(Walk* walk, Py_ssize_t start) noexcept nogil:
    walk.start = start
    # A start before this read's bytes is an FF that ended the read before.
    walk.first_ns = walk.now_ns if start >= walk.carried else walk.previous_ns


cdef void drop(Walk* walk, Py_ssize_t resume) noexcept nogil:
    """Give up the open image and look for the next from `resume` on."""
    walk.dropped_bytes += <uint64_t>(resume - walk.start)
    walk.neighbour.width = 0
    walk.state = SEEK
    move_start(walk, resume)


cdef void drop_malformed(Walk* walk, Py_ssize_t resume) noexcept nogil:
    walk.malformed += 1
    drop(walk, resume)


cdef bint seek(Walk* walk) noexcept nogil:
    """Find the next SOI, which a real image follows with FF; false: none yet."""
    cdef octets end = walk.base + walk.size
    cdef octets at = walk.base + walk.start
    cdef octets found
    cdef Py_ssize_t start
    cdef bint is_whole = False
    while True:
        found = <octets>memchr(at, 0xFF, end - at) if at < end else NULL
        if found == NULL:
            found = end
            break
        at = found + 1
        if end - found > 1 and found[1] != SOI:
            continue
        if end - found > 2 and found[2] != 0xFF:
            continue
        is_whole = end - found > 2
        break
    start = found - walk.base
    if start > walk.start:
        walk.junk_bytes += <uint64_t>(start - walk.start)
        walk.neighbour.width = 0
        move_start(walk, start)
    if not is_whole:
        return False
    walk.image.width = walk.image.height = 0
    walk.sos_offset = 0
    walk.has_dht = walk.has_scan = False
    walk.state = IN_MARKER
    walk.position = start + 2
    return True


cdef bint skip_entropy(Walk* walk, Py_ssize_t end) noexcept nogil:
    """Step over entropy-coded data to the next marker; false: it goes on."""
    cdef octets limit = walk.base + end
    cdef octets at
    cdef octets found
    cdef bint is_marker = False
    cdef int code
    if walk.position >= end:
        return False
    at = walk.base + walk.position
    while at < limit:
        found = <octets>memchr(at, 0xFF, limit - at)
        if found == NULL:
            at = limit
            break
        at = found
        if limit - at < 2:
            break
        code = at[1]
        if code == 0x00 or RST0 <= code <= RST7:
            at += 2
        elif code == 0xFF:
            at += 1
        else:
            is_marker = True
            walk.state = IN_MARKER
            break
    if at - walk.base > walk.position:
        walk.has_scan = True
        walk.position = at - walk.base
    return is_marker


cdef bint skip_segment(Walk* walk, int code, Py_ssize_t end) noexcept nogil:
    """Step over a segment by its length; false: its head is not all there."""
    cdef Py_ssize_t position = walk.position
    cdef octets at = walk.base + position
    cdef Py_ssize_t length
    cdef Py_ssize_t least_length = 2
    if is_sof(code):
        least_length = 8
    elif code == DNL:
        least_length = 4
    if position + 4 > end:
        return False
    length = big_endian(at + 2)
    if length < least_length:
        drop_malformed(walk, position)
        return True
    if position + 2 + least_length > end:
        return False
    if is_sof(code) and not walk.image.width:
        walk.image.height = <int>big_endian(at + 5)
        walk.image.width = <int>big_endian(at + 7)
    elif code == DNL and not walk.image.height:
        walk.image.height = <int>big_endian(at + 4)
    elif code == DHT and not walk.sos_offset:
        walk.has_dht = True
    elif code == SOS:
        if not walk.image.width:
            drop_malformed(walk, position)
            return True
        if not walk.sos_offset:
            walk.sos_offset = position - walk.start
        walk.state = IN_ENTROPY
    walk.position = position + 2 + length
    return True


cdef bint take_marker(Walk* walk, Py_ssize_t end, bint* is_eoi) noexcept nogil:
    """Step over what is due at a marker's place; false: it is not all there."""
    cdef Py_ssize_t position = walk.position
    cdef int code
    if position + 2 > end:
        return False
    code = walk.base[position + 1]
    if walk.base[position] != 0xFF or code == 0x00:
        drop_malformed(walk, position)
    elif code == 0xFF:
        walk.position = position + 1
    elif code == SOI:
        walk.truncated += 1
        drop(walk, position)
    elif code == EOI:
        walk.position = position + 2
        is_eoi[0] = True
    elif is_standalone(code):
        walk.position = position + 2
    else:
        return skip_segment(walk, code, end)
    return True


cdef bint end_image(Walk* walk) noexcept nogil:
    """Judge the image that ends at `position`; true: it is a frame."""
    cdef Size neighbour = walk.neighbour
    if not walk.has_scan or not walk.image.height:
        drop_malformed(walk, walk.position)
        return False
    if (
        neighbour.width
        and not is_size_of(walk.image, neighbour)
        and not is_size_of(walk.image, walk.frame)
    ):
        walk.secondary += 1
        drop(walk, walk.position)
        walk.neighbour = walk.image
        return False
    return True


cdef bint find_frame(Walk* walk) noexcept nogil:
    """Walk to the end of the next frame, `start` to `position`; false: not all there.

    No image is followed past its limit, so that the outcome depends on the bytes alone
    and not on the reads they came in.
    """
    cdef Py_ssize_t end
    cdef bint moved
    cdef bint is_eoi = False
    while True:
        if walk.state == SEEK and not seek(walk):
            return False
        end = walk.size
        if end - walk.start > walk.max_frame_bytes:
            end = walk.start + walk.max_frame_bytes
        if walk.state == IN_MARKER:
            moved = take_marker(walk, end, &is_eoi)
        else:
            moved = skip_entropy(walk, end)
        if is_eoi:
            if end_image(walk):
                return True
            is_eoi = False
        elif not moved:
            if end == walk.size:
                return False
            walk.oversize += 1
            drop(walk, walk.position if walk.position < end else end)


cdef void pass_frame(Walk* walk) noexcept nogil:
    """Count the frame that was found and step behind it."""
    walk.frames += 1
    walk.frame_bytes += <uint64_t>(walk.position - walk.start)
    walk.without_dht += not walk.has_dht
    walk.frame = walk.neighbour = walk.image
    walk.state = SEEK
    move_start(walk, walk.position)


cdef int append(Walk* walk, octets data, Py_ssize_t size) except -1 nogil:
    """Copy `size` bytes, at most one piece, to the end of the buffer."""
    cdef Py_ssize_t least = walk.size + size
    cdef Py_ssize_t capacity
    cdef void* base
    if least > walk.capacity:
        capacity = min(least + (least >> 1), walk.max_frame_bytes + PIECE_BYTES)
        capacity = max(capacity, least)
        base = realloc(walk.base, capacity)
        if base == NULL:
            raise MemoryError
        walk.base = <unsigned char*>base
        walk.capacity = capacity
    if not walk.size:
        walk.first_ns = walk.now_ns
    memcpy(walk.base + walk.size, data, size)
    walk.size += size
    return 0


cdef void compact(Walk* walk) noexcept nogil:
    """Move the open image to the front of the buffer."""
    cdef Py_ssize_t start = walk.start
    if not start:
        return
    walk.size -= start
    walk.position -= start
    walk.carried = walk.carried - start if walk.carried > start else 0
    walk.start = 0
    memmove(walk.base, walk.base + start, walk.size)


@cython.final
cdef class Scanner:
    """Turns reads of any size into the frames they complete, each byte looked at once.

    An image is delivered when it has a size, at least one scan with data, and its
    end. A whole image is held back as `secondary` when it starts right where another
    ended and has neither that one's size nor the last frame's: the preview after the
    picture in MPF files. A raw stream that changes its size loses one frame by that.

    ``insert_dht`` puts the standard tables into frames that came without; such a
    frame may be 420 bytes larger than ``max_frame_bytes``. At most
    ``max_frame_bytes`` and one piece of a read are held.
    """

    cdef Walk walk
    cdef bint insert_dht
    cdef object clock
    cdef cython.pythread_type_lock lock  # large reads are walked without the GIL

    def __init__(
        self,
        max_frame_bytes: int = 8 << 20,
        *,
        insert_dht: bool = False,
        clock=time.monotonic_ns,
    ) -> None:
        if not 1 <= max_frame_bytes <= LARGEST_FRAME_BYTES:
            raise ValueError(f"max_frame_bytes must be 1..{LARGEST_FRAME_BYTES}")
        self.walk.max_frame_bytes = max_frame_bytes
        self.insert_dht = insert_dht
        self.clock = clock

    def __dealloc__(self) -> None:
        free(self.walk.base)

    def feed(self, data) -> list:
        """Take one read; return the frames that it completed, oldest first."""
        cdef Py_buffer view
        cdef int64_t now_ns
        cdef list frames = []
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if view.len:
                now_ns = self.clock()
                with self.lock:
                    self.take_read(<octets>view.buf, view.len, now_ns, frames)
        finally:
            PyBuffer_Release(&view)
        return frames

    def reset(self) -> None:
        """Forget the open image, as on a new connection; counters and seq go on."""
        cdef Walk* walk = &self.walk
        with self.lock:
            if walk.state == SEEK:
                walk.junk_bytes += <uint64_t>walk.size
            else:
                walk.dropped_bytes += <uint64_t>walk.size
            walk.size = walk.start = 0
            walk.state = SEEK
            walk.neighbour.width = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes held: the open image, or what may be the beginning of one."""
        with self.lock:
            return self.walk.size

    @property
    def stats(self) -> ScannerStats:
        """The counters as they are now."""
        with self.lock:
            return ScannerStats(
                bytes_in=self.walk.bytes_in,
                frames=self.walk.frames,
                frame_bytes=self.walk.frame_bytes,
                junk_bytes=self.walk.junk_bytes,
                dropped_bytes=self.walk.dropped_bytes,
                truncated=self.walk.truncated,
                oversize=self.walk.oversize,
                malformed=self.walk.malformed,
                secondary=self.walk.secondary,
                without_dht=self.walk.without_dht,
            )

    cdef int take_read(
        self, octets data, Py_ssize_t size, int64_t now_ns, list frames
    ) except -1:
        cdef Walk* walk = &self.walk
        cdef Py_ssize_t offset = 0
        cdef Py_ssize_t piece_bytes
        cdef bint is_frame
        walk.previous_ns = walk.now_ns
        walk.now_ns = now_ns
        walk.carried = walk.size
        walk.bytes_in += <uint64_t>size
        while offset < size:
            piece_bytes = min(size - offset, <Py_ssize_t>PIECE_BYTES)
            append(walk, data + offset, piece_bytes)
            offset += piece_bytes
            while True:
                if size < NOGIL_BYTES:
                    is_frame = find_frame(walk)
                else:
                    with nogil:
                        is_frame = find_frame(walk)
                if not is_frame:
                    break
                frames.append(self.make_frame())
                pass_frame(walk)
            compact(walk)
        return 0

    cdef object make_frame(self):
        cdef Walk* walk = &self.walk
        cdef const char* image = <const char*>walk.base + walk.start
        cdef Py_ssize_t size = walk.position - walk.start
        cdef Py_ssize_t head = walk.sos_offset
        cdef bytes data
        if walk.has_dht or not self.insert_dht:
            data = PyBytes_FromStringAndSize(image, size)
        else:
            data = image[:head] + <bytes>STANDARD_DHT + image[head:size]
        return Frame(
            data,
            walk.frames + 1,
            walk.image.width,
            walk.image.height,
            walk.has_dht,
            walk.first_ns,
            walk.now_ns,
            time.time(),
        )
