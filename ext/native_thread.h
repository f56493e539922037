/* What a thread that moves frames tells the scheduler about itself.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PRUSACAM_NATIVE_THREAD_H
#define PRUSACAM_NATIVE_THREAD_H

#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The least that Linux allows: what such a thread does at a time takes less. */
#define NATIVE_THREAD_SLICE_NS 100000

/* As sched_setattr(2) has it; the C library has no name for it. */
typedef struct native_sched_attr {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
} native_sched_attr;

/* Name the calling thread, and ask for short turns, soon: with a full processor it would
 * wait for the end of another one's turn, some milliseconds, with each frame. No priority
 * is asked for. Kernels before 6.12 take no notice. */
static inline void native_thread_begin(const char *name)
{
    prctl(PR_SET_NAME, name, 0, 0, 0);
#ifdef SYS_sched_setattr
    native_sched_attr attr;
    memset(&attr, 0, sizeof attr);
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) == 0 && attr.policy == 0) {
        attr.size = sizeof attr;
        attr.runtime_ns = NATIVE_THREAD_SLICE_NS;
        syscall(SYS_sched_setattr, 0, &attr, 0);
    }
#endif
}

#endif
