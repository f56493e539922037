/* A descriptor's bytes into frames, and the frames to those who follow, by one thread.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The thread never holds Python's lock, so a stall of the interpreter delays no frame on
 * its way from a camera to a sink. Python takes the newest frame when it wants one, and
 * is woken by an eventfd only for what it asked for: costs per frame are for those who
 * need every frame.
 *
 * Fields below `lock` are protected by it. The framer is the thread's alone between
 * intake_begin and the end of intake_run.
 */
#ifndef PRUSACAM_INTAKE_H
#define PRUSACAM_INTAKE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "frame_sink.h"
#include "framer.h"

enum {
    INTAKE_MAX_SINKS = 4,
    /* Frames that wait for Python; with more, the oldest is left out. */
    INTAKE_QUEUE_FRAMES = 32,
    INTAKE_RECENT_FRAMES = 256
};

/* When the first and the last byte of a frame came. */
typedef struct intake_times_t {
    int64_t first_ns;
    int64_t last_ns;
} intake_times_t;

typedef struct intake_t {
    framer_t *framer;
    int fd;   /* that is read; -1 when there is none */
    int wake; /* tells Python that there is something to look at */
    int stop; /* tells the thread to let go of the descriptor */
    pthread_mutex_t lock;
    pthread_cond_t over; /* is_ended has become true */
    frame_t *newest;
    frame_t *queue[INTAKE_QUEUE_FRAMES];
    unsigned queue_begin, queue_count;
    uint64_t overrun; /* frames that waited for Python too long */
    bool wants_all;
    bool wants_next;
    frame_sink_t sinks[INTAKE_MAX_SINKS];
    int sink_count;
    int64_t keep_ns; /* how long sinks may show a frame */
    unsigned skip;   /* frames that are left out before the next one is shown */
    intake_times_t recent[INTAKE_RECENT_FRAMES];
    uint64_t published;
    int64_t heard_ns;
    bool is_ended;
    int error; /* why it ended; 0: the end of the stream */
} intake_t;

static inline void intake_poke(int eventfd)
{
    uint64_t one = 1;
    /* A full counter wakes as well. */
    if (write(eventfd, &one, sizeof one) < 0) {
    }
}

/* Make an intake around somebody's framer; -1: no descriptor is left. */
static inline int intake_init(intake_t *intake, framer_t *framer)
{
    memset(intake, 0, sizeof *intake);
    intake->framer = framer;
    intake->fd = -1;
    intake->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    intake->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (intake->wake < 0 || intake->stop < 0)
        return -1;
    pthread_cond_init(&intake->over, NULL);
    return pthread_mutex_init(&intake->lock, NULL) == 0 ? 0 : -1;
}

/* Let go of all frames. */
static inline void intake_close(intake_t *intake)
{
    if (intake->newest != NULL)
        frame_release(intake->newest);
    for (; intake->queue_count; intake->queue_count--) {
        frame_release(intake->queue[intake->queue_begin]);
        intake->queue_begin = (intake->queue_begin + 1) % INTAKE_QUEUE_FRAMES;
    }
    intake->newest = NULL;
    if (intake->wake >= 0)
        close(intake->wake);
    if (intake->stop >= 0)
        close(intake->stop);
    intake->wake = intake->stop = -1;
    pthread_cond_destroy(&intake->over);
    pthread_mutex_destroy(&intake->lock);
}

/* With the lock held; the queue gets a reference of its own. */
static inline void intake_enqueue(intake_t *intake, frame_t *frame)
{
    unsigned end = (intake->queue_begin + intake->queue_count) % INTAKE_QUEUE_FRAMES;
    if (intake->queue_count == INTAKE_QUEUE_FRAMES) {
        frame_release(intake->queue[intake->queue_begin]);
        intake->queue_begin = (intake->queue_begin + 1) % INTAKE_QUEUE_FRAMES;
        intake->overrun++;
    } else {
        intake->queue_count++;
    }
    intake->queue[end] = frame_retain(frame);
}

/* Leave the next `count` frames out: a camera that has just begun shows dark ones. */
static inline void intake_skip(intake_t *intake, unsigned count)
{
    pthread_mutex_lock(&intake->lock);
    intake->skip = count;
    pthread_mutex_unlock(&intake->lock);
}

/* Make a frame the newest one and show it; takes a reference over. `is_told`: Python
 * knows of it already. False: it was left out. */
static inline bool intake_publish(intake_t *intake, frame_t *frame, bool is_told)
{
    pthread_mutex_lock(&intake->lock);
    if (intake->skip) {
        intake->skip--;
        pthread_mutex_unlock(&intake->lock);
        frame_release(frame);
        return false;
    }
    for (int i = 0; i < intake->sink_count; i++) {
        const frame_sink_t *sink = &intake->sinks[i];
        sink->show(sink->context, frame, frame->last_ns + intake->keep_ns);
    }
    frame_t *before = intake->newest;
    intake->newest = frame;
    intake_times_t times = {frame->first_ns, frame->last_ns};
    intake->recent[intake->published++ % INTAKE_RECENT_FRAMES] = times;
    bool must_wake = false;
    if (!is_told) {
        must_wake = intake->wants_all || intake->wants_next;
        if (intake->wants_all)
            intake_enqueue(intake, frame);
    }
    intake->wants_next = false;
    pthread_mutex_unlock(&intake->lock);
    if (before != NULL)
        frame_release(before);
    if (must_wake)
        intake_poke(intake->wake);
    return true;
}

/* Let a sink be shown every frame from now on; false: there are enough. */
static inline bool intake_follow(intake_t *intake, frame_sink_t sink, int64_t keep_ns)
{
    pthread_mutex_lock(&intake->lock);
    bool is_room = intake->sink_count < INTAKE_MAX_SINKS;
    if (is_room)
        intake->sinks[intake->sink_count++] = sink;
    intake->keep_ns = keep_ns;
    pthread_mutex_unlock(&intake->lock);
    return is_room;
}

/* When this returns, no sink is being shown anything any more. */
static inline void intake_unfollow(intake_t *intake)
{
    pthread_mutex_lock(&intake->lock);
    intake->sink_count = 0;
    pthread_mutex_unlock(&intake->lock);
}

/* Ask to be woken for every frame, or no longer. */
static inline void intake_want_all(intake_t *intake, bool wants_all)
{
    pthread_mutex_lock(&intake->lock);
    intake->wants_all = wants_all;
    pthread_mutex_unlock(&intake->lock);
}

/* Ask to be woken once, for the first frame after `seq`, which may be there already. */
static inline void intake_want_next(intake_t *intake, uint64_t seq)
{
    pthread_mutex_lock(&intake->lock);
    bool is_there = intake->newest != NULL && intake->newest->seq > seq;
    intake->wants_next = !is_there;
    pthread_mutex_unlock(&intake->lock);
    if (is_there)
        intake_poke(intake->wake);
}

/* The newest frame with a reference, if its seq is above `seq`; else NULL. */
static inline frame_t *intake_newest(intake_t *intake, uint64_t seq)
{
    pthread_mutex_lock(&intake->lock);
    frame_t *frame = intake->newest;
    if (frame != NULL)
        frame = frame->seq > seq ? frame_retain(frame) : NULL;
    pthread_mutex_unlock(&intake->lock);
    return frame;
}

/* The oldest frame that waits for Python, with its reference; else NULL. */
static inline frame_t *intake_dequeue(intake_t *intake)
{
    frame_t *frame = NULL;
    pthread_mutex_lock(&intake->lock);
    if (intake->queue_count) {
        frame = intake->queue[intake->queue_begin];
        intake->queue_begin = (intake->queue_begin + 1) % INTAKE_QUEUE_FRAMES;
        intake->queue_count--;
    }
    pthread_mutex_unlock(&intake->lock);
    return frame;
}

/* When the newest frames came, the oldest first; how many there are. */
static inline int intake_recent(intake_t *intake, intake_times_t *times)
{
    pthread_mutex_lock(&intake->lock);
    uint64_t count = intake->published;
    if (count > INTAKE_RECENT_FRAMES)
        count = INTAKE_RECENT_FRAMES;
    for (uint64_t i = 0; i < count; i++)
        times[i] = intake->recent[(intake->published - count + i) % INTAKE_RECENT_FRAMES];
    pthread_mutex_unlock(&intake->lock);
    return (int)count;
}

/* Whether the stream has ended, and why; when bytes came last. */
static inline bool intake_is_ended(intake_t *intake, int *error, int64_t *heard_ns)
{
    pthread_mutex_lock(&intake->lock);
    bool is_ended = intake->is_ended;
    *error = intake->error;
    *heard_ns = intake->heard_ns;
    pthread_mutex_unlock(&intake->lock);
    return is_ended;
}

/* Take a descriptor over, to be read by intake_run; -1 with errno. */
static inline int intake_begin(intake_t *intake, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -1;
    intake->fd = fd;
    pthread_mutex_lock(&intake->lock);
    intake->is_ended = false;
    intake->error = 0;
    intake->heard_ns = framer_now_ns();
    pthread_mutex_unlock(&intake->lock);
    return 0;
}

/* Make the thread let go of the descriptor and the framer; waits for a read that is under
 * way, some microseconds. */
static inline void intake_end(intake_t *intake)
{
    intake_poke(intake->stop);
    pthread_mutex_lock(&intake->lock);
    while (!intake->is_ended)
        pthread_cond_wait(&intake->over, &intake->lock);
    pthread_mutex_unlock(&intake->lock);
    uint64_t pokes;
    if (read(intake->stop, &pokes, sizeof pokes) < 0) {
    }
}

/* --- the thread ------------------------------------------------------------------- */

/* Read once; 1: there may be more, 0: not now, -1: the stream is over. */
static inline int intake_read(intake_t *intake, int *error)
{
    size_t room_bytes;
    uint8_t *room = framer_room(intake->framer, 0, &room_bytes);
    ssize_t count = read(intake->fd, room, room_bytes);
    if (count < 0) {
        if (errno == EINTR)
            return 1;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        *error = errno;
        return -1;
    }
    if (count == 0) {
        *error = 0;
        return -1;
    }
    int64_t now_ns = framer_now_ns();
    frame_t *frame = framer_advance(intake->framer, (size_t)count, now_ns);
    framer_tell(intake->framer);
    pthread_mutex_lock(&intake->lock);
    intake->heard_ns = now_ns;
    pthread_mutex_unlock(&intake->lock);
    while (frame != NULL) {
        frame_t *next = frame->next;
        intake_publish(intake, frame, false);
        frame = next;
    }
    /* A short read has emptied it, most likely. */
    return (size_t)count == room_bytes;
}

/* Read until the stream ends or somebody pokes `stop`. Closes the descriptor. */
static inline void intake_run(intake_t *intake)
{
    struct pollfd polled[2] = {
        {.fd = intake->fd, .events = POLLIN},
        {.fd = intake->stop, .events = POLLIN},
    };
    int error = 0;
    int more = 0;
    prctl(PR_SET_NAME, "prusacam-intake", 0, 0, 0);
    for (;;) {
        /* Looked at between reads as well: a fast camera may never let it wait. */
        int ready = poll(polled, 2, more ? 0 : -1);
        if (ready < 0 && errno != EINTR) {
            error = errno;
            break;
        }
        if (ready > 0 && polled[1].revents)
            break;
        if (!more && ready <= 0)
            continue;
        more = intake_read(intake, &error);
        if (more < 0)
            break;
    }
    close(intake->fd);
    intake->fd = -1;
    pthread_mutex_lock(&intake->lock);
    intake->is_ended = true;
    intake->error = error;
    pthread_cond_broadcast(&intake->over);
    pthread_mutex_unlock(&intake->lock);
    intake_poke(intake->wake);
}

#endif
