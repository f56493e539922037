/* What the benchmarks cannot measure from Python: a plain copy, and a held GIL.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "loopback.h"

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

/* Keep the processor busy, and the GIL when the caller holds it. */
void spin(int64_t duration_ns)
{
    int64_t end_ns = now_ns() + duration_ns;
    while (now_ns() < end_ns)
        ;
}
