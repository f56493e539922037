# What the compiled twins share of the C core: scan, pool, framer and sink.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# cython: language_level=3
"""Declarations only; each extension module compiles the headers into itself."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

cdef extern from "scan.h" nogil:
    enum: SCAN_LARGEST_FRAME_BYTES
    ctypedef struct scan_t:
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
        uint64_t starved

cdef extern from "frame_pool.h" nogil:
    const char* FRAME_CAPSULE
    enum: FRAME_HEADER_BYTES
    ctypedef struct frame_pool_t
    ctypedef struct frame_pool_stats_t:
        size_t slots
        size_t in_use
        size_t bytes
        size_t peak_bytes
        size_t limit_bytes
    ctypedef struct frame_t:
        frame_t* next
        uint8_t* base
        const uint8_t* data
        size_t size
        uint64_t seq
        uint64_t offset
        int64_t first_ns
        int64_t last_ns
        double wall_time
        uint16_t width
        uint16_t height
        bint has_dht
        size_t part_header_size
        char* part_header
    frame_t* frame_new(size_t capacity)
    frame_t* frame_retain(frame_t*)
    void frame_release(frame_t*)
    frame_pool_stats_t frame_pool_stats(frame_pool_t*)

cdef extern from "framer.h" nogil:
    const char* FRAMER_CAPSULE
    ctypedef struct framer_strip_t:
        bint app
        bint thumbnails
    ctypedef struct framer_t:
        scan_t scan
        frame_pool_t* pool
        frame_t* slot
    bint framer_init(
        framer_t*, size_t max_frame_bytes, size_t max_slots,
        const uint8_t* dht, size_t dht_bytes, framer_strip_t strip,
    )
    void framer_tell(framer_t*)
    scan_t framer_told(framer_t*)
    void framer_close(framer_t*)
    size_t framer_pending(framer_t*)
    uint8_t* framer_room(framer_t*, ptrdiff_t hint, size_t* room_bytes)
    frame_t* framer_advance(framer_t*, size_t count, int64_t now_ns)
    frame_t* framer_feed(framer_t*, const uint8_t*, size_t size, int64_t now_ns)
    void framer_reset(framer_t*)
    int64_t framer_now_ns()

cdef extern from "frame_sink.h" nogil:
    const char* FRAME_SINK_CAPSULE
    int64_t FRAME_NEVER_EXPIRES
    ctypedef struct frame_sink_t:
        void (*show)(void* context, frame_t* frame, int64_t expires_ns)
        void* context
