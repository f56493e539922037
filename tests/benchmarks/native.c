/* What the benchmarks cannot measure from Python: a plain copy, the C core without calls
 * from Python, and a held GIL.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "loopback.h"

#include "framer.h"

enum { MAX_SLOTS = 16 };

/* Nanoseconds that memcpy takes to move `data` into a ring, by `read_bytes`. */
int64_t copy_ns(const char *data, size_t size, size_t read_bytes, char *ring,
                size_t ring_bytes)
{
    size_t position = 0;
    int64_t begin_ns = now_ns();
    for (size_t at = 0; at < size; at += read_bytes) {
        size_t count = size - at < read_bytes ? size - at : read_bytes;
        if (position + count > ring_bytes)
            position = 0;
        memcpy(ring + position, data + at, count);
        position += count;
    }
    return now_ns() - begin_ns;
}

/* A framer with its defaults; NULL: no memory. */
framer_t *open_framer(size_t max_frame_bytes)
{
    framer_t *framer = malloc(sizeof *framer);
    if (framer && !framer_init(framer, max_frame_bytes, MAX_SLOTS, NULL, 0,
                                (framer_strip_t){0})) {
        framer_close(framer);
        free(framer);
        framer = NULL;
    }
    return framer;
}

void close_framer(framer_t *framer)
{
    framer_close(framer);
    free(framer);
}

/* Nanoseconds that the framer takes to cut `data` into frames, by `read_bytes`, once a
 * read's bytes are in their place: a kernel would have put them there. Each frame is
 * given back at once. Some 20 ns of each read are the clock. */
int64_t advance_ns(framer_t *framer, const char *data, size_t size, size_t read_bytes)
{
    int64_t taken_ns = 0;
    for (size_t at = 0; at < size;) {
        size_t room_bytes;
        size_t count = size - at < read_bytes ? size - at : read_bytes;
        uint8_t *room = framer_room(framer, (ptrdiff_t)count, &room_bytes);
        if (count > room_bytes)
            count = room_bytes;
        memcpy(room, data + at, count);
        at += count;
        int64_t begin_ns = now_ns();
        frame_t *frame = framer_advance(framer, count, begin_ns);
        taken_ns += now_ns() - begin_ns;
        while (frame) {
            frame_t *next = frame->next;
            frame_release(frame);
            frame = next;
        }
    }
    return taken_ns;
}

/* Keep the processor busy, and the GIL when the caller holds it. */
void spin(int64_t duration_ns)
{
    int64_t end_ns = now_ns() + duration_ns;
    while (now_ns() < end_ns)
        ;
}
