# cython: language_level=3, freethreading_compatible=True, embedsignature=True
# The compiled twin of a camera's intake: one native thread reads the descriptor.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python's side of ext/intake.h; see moonraker_prusacam/camera/_intake_py.py."""

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from framing cimport (
    FRAME_CAPSULE,
    FRAME_SINK_CAPSULE,
    FRAMER_CAPSULE,
    frame_release,
    frame_retain,
    frame_sink_t,
    frame_t,
    framer_t,
)
from libc.stdint cimport int64_t, uint64_t

import asyncio
import os
import threading

from moonraker_prusacam.camera._scanner_c import frame_from_capsule


cdef extern from "intake.h" nogil:
    enum: INTAKE_RECENT_FRAMES
    ctypedef struct intake_times_t:
        int64_t first_ns
        int64_t last_ns
    ctypedef struct intake_t:
        int wake
        uint64_t overrun
    int intake_init(intake_t*, framer_t*)
    void intake_close(intake_t*)
    void intake_skip(intake_t*, unsigned count)
    bint intake_publish(intake_t*, frame_t*, bint is_told)
    bint intake_follow(intake_t*, frame_sink_t, int64_t keep_ns)
    void intake_unfollow(intake_t*)
    void intake_want_all(intake_t*, bint)
    void intake_want_next(intake_t*, uint64_t seq)
    frame_t* intake_newest(intake_t*, uint64_t seq)
    frame_t* intake_dequeue(intake_t*)
    int intake_recent(intake_t*, intake_times_t*)
    bint intake_is_ended(intake_t*, int* error, int64_t* heard_ns)
    int intake_begin(intake_t*, int fd)
    void intake_end(intake_t*)
    void intake_run(intake_t*)


cdef object framed(frame_t* frame):
    """The Frame of a reference, which is the caller's no more."""
    try:
        return frame_from_capsule(PyCapsule_New(frame, FRAME_CAPSULE, NULL))
    finally:
        frame_release(frame)


cdef class Intake:
    """Reads one descriptor at a time into a scanner; see the Python twin."""

    cdef intake_t _native
    cdef bint _is_made
    cdef object _scanner
    cdef object _on_wake
    cdef object _newest
    cdef object _thread
    cdef list _capsules
    cdef uint64_t _seen  # seq of the newest frame that take() gave
    cdef bint _wants_all

    def __init__(self, scanner, on_wake):
        if self._is_made:
            raise TypeError("an intake is made once")
        capsule = scanner.lend()
        scanner.give_back()
        cdef framer_t* framer = <framer_t*>PyCapsule_GetPointer(capsule, FRAMER_CAPSULE)
        if intake_init(&self._native, framer) < 0:
            raise OSError("the intake cannot be made: no descriptor is left")
        self._is_made = True
        self._scanner = scanner
        self._on_wake = on_wake
        self._capsules = []

    def __dealloc__(self):
        # The thread holds a reference, so it has ended, or was never started.
        if self._is_made:
            intake_close(&self._native)

    def feed(self, data):
        """Take one read from elsewhere; the frames that it completed."""
        frames = []
        cdef frame_t* frame
        for made in self._scanner.feed(data):
            capsule = made.capsule()
            frame = <frame_t*>PyCapsule_GetPointer(capsule, FRAME_CAPSULE)
            if intake_publish(&self._native, frame_retain(frame), True):
                frames.append(made)
        self._note(frames)
        return frames

    def skip(self, unsigned count):
        """Leave the next ``count`` frames out."""
        intake_skip(&self._native, count)

    def open(self, int fd):
        """Take a descriptor over and read it, until it ends or ``close``."""
        if self._thread is not None:
            raise RuntimeError("the intake reads already")
        self._scanner.lend()
        if intake_begin(&self._native, fd) < 0:
            self._scanner.give_back()
            raise OSError("the descriptor cannot be read")
        asyncio.get_running_loop().add_reader(self._native.wake, self._woken)
        thread = threading.Thread(target=self._run, name="prusacam-intake", daemon=True)
        try:
            thread.start()
        except BaseException:
            asyncio.get_running_loop().remove_reader(self._native.wake)
            self._scanner.give_back()
            raise
        self._thread = thread

    def close(self):
        """Let go of the descriptor; waits for a read that is under way. Idempotent."""
        if self._thread is None:
            return
        self._thread = None  # it ends by itself
        with nogil:
            intake_end(&self._native)
        self._scanner.give_back()
        asyncio.get_running_loop().remove_reader(self._native.wake)
        self._drain()

    @property
    def ended(self):
        """None while it reads, else errno; 0 is the end of the stream."""
        cdef int error
        cdef int64_t heard_ns
        return error if intake_is_ended(&self._native, &error, &heard_ns) else None

    @property
    def heard_ns(self):
        """When bytes came last (monotonic)."""
        cdef int error
        cdef int64_t heard_ns
        intake_is_ended(&self._native, &error, &heard_ns)
        return heard_ns

    @property
    def newest(self):
        """The newest frame, or None."""
        cdef uint64_t seq = 0 if self._newest is None else self._newest.seq
        cdef frame_t* frame = intake_newest(&self._native, seq)
        if frame != NULL:
            self._newest = framed(frame)
        return self._newest

    @property
    def recent_ns(self):
        """When first and last byte of the newest frames came, the oldest frame first."""
        cdef intake_times_t times[INTAKE_RECENT_FRAMES]
        cdef int count = intake_recent(&self._native, times)
        return [(times[i].first_ns, times[i].last_ns) for i in range(count)]

    @property
    def overrun(self):
        """Frames that were left out because the event loop did not take them."""
        return self._native.overrun

    def take(self):
        """What came since the last call: every frame, or the newest one."""
        cdef frame_t* frame
        frames = []
        while True:
            frame = intake_dequeue(&self._native)
            if frame == NULL:
                break
            if frame.seq > self._seen:
                frames.append(framed(frame))
            else:
                frame_release(frame)
        if not self._wants_all:
            newest = self.newest
            frames = [newest] if newest is not None and newest.seq > self._seen else []
        self._note(frames)
        return frames

    def want_all(self, bint wants_all):
        """Ask to be woken for every frame, or no longer."""
        self._wants_all = wants_all
        intake_want_all(&self._native, wants_all)

    def want_next(self):
        """Ask to be woken once, for the first frame after what ``take`` gave."""
        intake_want_next(&self._native, self._seen)

    def follow(self, sinks, int64_t keep_ns):
        """Show each frame to ``sinks`` for ``keep_ns``; False: Python has to do it."""
        if None in sinks:
            return False
        for capsule in sinks:
            sink = <frame_sink_t*>PyCapsule_GetPointer(capsule, FRAME_SINK_CAPSULE)
            self._capsules.append(capsule)  # which keeps the sink alive
            if not intake_follow(&self._native, sink[0], keep_ns):
                self.unfollow()
                return False
        return True

    def unfollow(self):
        """Show nothing to anybody any more. Idempotent."""
        intake_unfollow(&self._native)
        self._capsules.clear()

    def _run(self):
        with nogil:
            intake_run(&self._native)

    def _woken(self):
        self._drain()
        self._on_wake()

    cdef _note(self, list frames):
        if frames:
            newest = frames[-1]
            self._seen = newest.seq
            if self._newest is None or self._newest.seq < self._seen:
                self._newest = newest

    cdef _drain(self):
        try:
            os.eventfd_read(self._native.wake)
        except BlockingIOError:
            pass
