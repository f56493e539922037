/* Who wants to be shown frames, from whichever thread has one.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Between extension modules a sink travels in a PyCapsule named FRAME_SINK_CAPSULE, and
 * is there for as long as the capsule is.
 */
#ifndef PRUSACAM_FRAME_SINK_H
#define PRUSACAM_FRAME_SINK_H

#include "frame_pool.h"

#define FRAME_SINK_CAPSULE "moonraker_prusacam.frame_sink_t.1"
#define FRAME_NEVER_EXPIRES INT64_MAX

typedef struct frame_sink_t {
    /* Called from any thread, without Python's lock, and returns soon. The frame is
     * lent: who keeps it takes a reference. From `expires_ns` on (monotonic) it is too
     * old to be shown. */
    void (*show)(void *context, frame_t *frame, int64_t expires_ns);
    void *context;
} frame_sink_t;

#endif
