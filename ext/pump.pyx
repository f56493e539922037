# cython: language_level=3, freethreading_compatible=True, embedsignature=True
# The compiled twin of the stream pump: one native thread for all viewers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python's side of ext/pump.h; see moonraker_prusacam/web/_pump_py.py for the contract.

The thread never holds Python's lock. A picture's bytes are borrowed from its owner (the
buffer protocol) and given back by the next call that holds the lock.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pycapsule cimport (
    PyCapsule_GetContext,
    PyCapsule_GetPointer,
    PyCapsule_New,
    PyCapsule_SetContext,
)
from cpython.ref cimport Py_DECREF, Py_INCREF
from framing cimport (
    FRAME_CAPSULE,
    FRAME_NEVER_EXPIRES,
    FRAME_SINK_CAPSULE,
    frame_sink_t,
    frame_t,
)
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

import asyncio
import socket as socket_module
import threading

from moonraker_prusacam.errors import ClosedError, PrusacamError
from moonraker_prusacam.web.stream import (
    NOTSENT_LOWAT_BYTES,
    REPEAT_AFTER_S,
    STALL_TIMEOUT_S,
    TICK_S,
    PumpStats,
    ViewerStats,
    prepare,
)


cdef extern from "pump_thread.h" nogil:
    enum: PUMP_MAX_CHANNELS
    enum: PUMP_DELAYS

    ctypedef struct viewer_stats:
        int channel
        char *label
        char *name
        int64_t opened_ns
        uint64_t frames
        uint64_t skipped
        uint64_t bytes
        double fps

    ctypedef struct payload:
        const uint8_t *header
        const uint8_t *data
        size_t header_bytes
        size_t data_bytes
        int64_t expires_ns
        void *owner
        payload *next

    ctypedef struct pump_stats:
        uint64_t opened
        uint64_t stalled
        uint64_t frames
        uint64_t bytes
        long viewers

    ctypedef struct pump:
        int channel_count

    ctypedef struct pump_channel:
        pump *p
        int number

    int pump_open(pump *p, int64_t stall_ns, int64_t repeat_ns, int64_t tick_ns)
    void pump_show(pump *p, int number, payload *picture)
    void pump_end(pump *p, int number)
    int pump_add(pump *p, int fd, int number, uint8_t *head, size_t head_bytes,
                 int64_t interval_ns, int64_t lifetime_ns, const char *label,
                 const char *name)
    int pump_dismiss(pump *p, int number, const char *name)
    void pump_show_frame(pump *p, int number, frame_t *frame, int64_t expires_ns)
    void pump_show_in_channel(void *context, frame_t *frame, int64_t expires_ns)
    int pump_read_viewers(pump *p, viewer_stats *told, int most)
    int pump_read_delays(pump *p, int number, uint32_t *delays_us)
    int64_t pump_now_ns()
    pump_stats pump_read_stats(pump *p)
    uint64_t pump_ask_turns(pump *p)
    long pump_watching(pump *p, int number)
    payload *pump_take_released(pump *p)
    void pump_stop(pump *p)
    void pump_run(pump *p)
    payload *pump_close(pump *p)


cdef struct Loan:
    payload picture
    Py_buffer header
    Py_buffer data


cdef void give_back(payload *picture):
    cdef payload *following
    while picture != NULL:
        following = picture.next
        loan = <Loan *>picture.owner
        PyBuffer_Release(&loan.header)
        PyBuffer_Release(&loan.data)
        free(loan)
        picture = following


cdef class Channel:
    """One sequence of pictures, and those who watch it."""

    cdef StreamPump _pump
    cdef int _number
    cdef pump_channel _place
    cdef frame_sink_t _sink

    def show_frame(self, frame, int64_t expires_ns):
        """Make a frame the newest picture; see the Python twin."""
        self._pump._check_open()
        capsule = frame.capsule()
        pump_show_frame(
            self._pump._native,
            self._number,
            <frame_t *>PyCapsule_GetPointer(capsule, FRAME_CAPSULE),
            expires_ns,
        )
        self._pump._collect()

    @property
    def sink(self):
        """A capsule by which other extension modules show frames (frame_sink.h)."""
        self._place.p = self._pump._native
        self._place.number = self._number
        self._sink.show = pump_show_in_channel
        self._sink.context = &self._place
        capsule = PyCapsule_New(&self._sink, FRAME_SINK_CAPSULE, _release_sink)
        PyCapsule_SetContext(capsule, <void *>self)
        Py_INCREF(self)
        return capsule

    def show(self, header, data, expires_ns=None):
        """Make a picture the newest one; see the Python twin."""
        self._pump._check_open()
        cdef int64_t until = FRAME_NEVER_EXPIRES if expires_ns is None else expires_ns
        cdef Loan *loan = <Loan *>calloc(1, sizeof(Loan))
        if loan == NULL:
            raise MemoryError
        try:
            PyObject_GetBuffer(header, &loan.header, PyBUF_SIMPLE)
        except BaseException:
            free(loan)
            raise
        try:
            PyObject_GetBuffer(data, &loan.data, PyBUF_SIMPLE)
        except BaseException:
            PyBuffer_Release(&loan.header)
            free(loan)
            raise
        loan.picture.owner = loan
        loan.picture.header = <const uint8_t *>loan.header.buf
        loan.picture.header_bytes = loan.header.len
        loan.picture.data = <const uint8_t *>loan.data.buf
        loan.picture.data_bytes = loan.data.len
        loan.picture.expires_ns = until
        pump_show(self._pump._native, self._number, &loan.picture)
        self._pump._collect()

    def end(self):
        """Close the streams of now, each after the part under way."""
        if not self._pump._closed:
            pump_end(self._pump._native, self._number)
            self._pump._collect()

    def dismiss(self, name=None):
        """Close streams at once, those of ``name`` or all; see the Python twin."""
        if self._pump._closed:
            return 0
        if name is None:
            return pump_dismiss(self._pump._native, self._number, NULL)
        cdef bytes text = name.encode("ascii", "replace")
        return pump_dismiss(self._pump._native, self._number, text)

    @property
    def viewers(self):
        """How many streams are open."""
        return pump_watching(self._pump._native, self._number)

    @property
    def delays_ms(self):
        """How long the newest frames took from their arrival to a viewer's socket."""
        cdef uint32_t delays_us[PUMP_DELAYS]
        cdef int count = pump_read_delays(self._pump._native, self._number, delays_us)
        return [delays_us[i] / 1e3 for i in range(count)]

    def list_viewers(self):
        """What each open stream has got so far."""
        return self._pump._list_viewers(self._number)


cdef void _release_sink(object capsule) noexcept:
    Py_DECREF(<object>PyCapsule_GetContext(capsule))


cdef class StreamPump:
    """Owns the sockets of all viewers; see the Python twin."""

    cdef pump *_native
    cdef long _max_viewers
    cdef bint _closed
    cdef int _lowat_bytes
    cdef object _thread
    cdef object _turns

    def __cinit__(self):
        self._native = <pump *>calloc(1, sizeof(pump))
        if self._native == NULL:
            raise MemoryError

    def __init__(
        self,
        max_viewers,
        *,
        stall_timeout_s=STALL_TIMEOUT_S,
        repeat_after_s=REPEAT_AFTER_S,
        tick_s=TICK_S,
        notsent_lowat_bytes=NOTSENT_LOWAT_BYTES,
    ):
        self._max_viewers = max_viewers
        self._lowat_bytes = notsent_lowat_bytes
        self._thread = None
        self._turns = None
        self._closed = False
        if pump_open(
            self._native,
            <int64_t>(stall_timeout_s * 1e9),
            <int64_t>(repeat_after_s * 1e9),
            <int64_t>(tick_s * 1e9),
        ) < 0:
            raise PrusacamError("the stream pump cannot be made: no descriptor is left")

    def __dealloc__(self):
        # The thread holds a reference, so it has ended, or was never started.
        if self._native != NULL:
            give_back(pump_close(self._native))
            free(self._native)

    def channel(self):
        """A new channel; there are at most 64."""
        self._check_open()
        if self._native.channel_count >= PUMP_MAX_CHANNELS:
            raise PrusacamError(f"more than {PUMP_MAX_CHANNELS} streams of pictures")
        cdef Channel made = Channel.__new__(Channel)
        made._pump = self
        made._number = self._native.channel_count
        self._native.channel_count += 1
        return made

    def add(
        self,
        sock,
        Channel channel not None,
        head,
        *,
        fps=None,
        lifetime_s=None,
        label="",
        name="",
    ):
        """Take a connected socket over and stream ``channel`` into it, after ``head``."""
        self._check_open()
        prepare(sock, self._lowat_bytes)
        cdef bytes text = bytes(head)
        cdef bytes told = label.encode("ascii", "replace")
        cdef bytes own = name.encode("ascii", "replace")
        cdef size_t size = len(text)
        cdef const char *start = text
        cdef uint8_t *copy = <uint8_t *>malloc(size or 1)
        if copy == NULL:
            raise MemoryError
        memcpy(copy, start, size)
        cdef int64_t interval_ns = 0 if fps is None else <int64_t>(1e9 / fps)
        cdef int64_t lifetime_ns = (
            0 if lifetime_s is None else max(1, <int64_t>(1e9 * lifetime_s))
        )
        self._start()
        cdef int fd = sock.detach()
        if pump_add(
            self._native,
            fd,
            channel._number,
            copy,
            size,
            interval_ns,
            lifetime_ns,
            told,
            own,
        ) < 0:
            free(copy)
            socket_module.close(fd)
            raise MemoryError
        self._collect()

    @property
    def is_full(self):
        """Whether one more viewer would be too many."""
        return pump_read_stats(self._native).viewers >= self._max_viewers

    @property
    def stats(self):
        """Counters over all viewers since the start."""
        self._collect()
        cdef pump_stats stats = pump_read_stats(self._native)
        return PumpStats(
            viewers=stats.viewers,
            opened=stats.opened,
            stalled=stats.stalled,
            frames=stats.frames,
            bytes=stats.bytes,
        )

    def has_turned(self):
        """Whether the thread has turned since this was last asked; it is woken to."""
        if self._thread is None:
            return True
        before, self._turns = self._turns, pump_ask_turns(self._native)
        return self._thread.is_alive() and before != self._turns

    async def aclose(self):
        """Close all streams and end the thread. Idempotent."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is not None:
            pump_stop(self._native)
            await asyncio.to_thread(thread.join)
        self._collect()

    def _run(self):
        with nogil:
            pump_run(self._native)

    cdef _list_viewers(self, int number):
        cdef int most = pump_read_stats(self._native).viewers
        cdef viewer_stats *told = <viewer_stats *>calloc(most + 1, sizeof(viewer_stats))
        if told == NULL:
            raise MemoryError
        cdef int64_t now_ns = pump_now_ns()
        try:
            return [
                ViewerStats(
                    label=told[i].label.decode("ascii"),
                    name=told[i].name.decode("ascii"),
                    fps=told[i].fps,
                    frames=told[i].frames,
                    skipped=told[i].skipped,
                    bytes=told[i].bytes,
                    age_s=(now_ns - told[i].opened_ns) / 1e9,
                )
                for i in range(pump_read_viewers(self._native, told, most))
                if told[i].channel == number
            ]
        finally:
            free(told)

    cdef _start(self):
        # A thread of its own is worth it from the first viewer on.
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="prusacam-pump", daemon=True
            )
            self._thread.start()

    cdef _collect(self):
        give_back(pump_take_released(self._native))

    cdef _check_open(self):
        if self._closed:
            raise ClosedError("the stream pump is closed")
