/* The buffers, and the thread that fills them.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PRUSACAM_TEST_STREAM_H
#define PRUSACAM_TEST_STREAM_H

#include <errno.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "formats.h"
#include "state.h"
#include "system.h"

enum { BUFFERS = 4, BUFFER_BYTES = COMPRESSED_BYTES };

typedef struct handle_t {
    int fd;     /* of a pipe that holds a byte for each picture that waits; 0: free */
    int writer; /* its other end; when that is closed, poll() never waits any more */
    int generation;
} handle_t;

static struct {
    handle_t *owner; /* who has the stream */
    bool is_on;
    pthread_t thread;
    int memory; /* of the buffers; 0: not made */
    char *buffers;
    unsigned given[BUFFERS], given_begin, given_count; /* free buffers */
    struct v4l2_buffer taken[BUFFERS];                 /* filled ones */
    unsigned taken_begin, taken_count;
    char *picture;
    size_t picture_bytes;
} stream;

/* One picture into a free buffer, if there is one. */
static inline void expose(unsigned sequence)
{
    if (!stream.given_count) {
        state[LOST]++;
        return;
    }
    unsigned index = stream.given[stream.given_begin];
    stream.given_begin = (stream.given_begin + 1) % BUFFERS;
    stream.given_count--;
    unsigned end = (stream.taken_begin + stream.taken_count++) % BUFFERS;
    struct v4l2_buffer *buffer = &stream.taken[end];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    memset(buffer, 0, sizeof *buffer);
    buffer->index = index;
    buffer->sequence = sequence;
    buffer->timestamp.tv_sec = now.tv_sec;
    buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    unsigned number = (unsigned)++state[GIVEN];
    buffer->bytesused = stream.picture_bytes;
    if (is_compressed(format)) {
        memcpy(stream.buffers + (size_t)index * BUFFER_BYTES, stream.picture,
               stream.picture_bytes);
    } else {
        buffer->bytesused = image_bytes();
        memset(stream.buffers + (size_t)index * BUFFER_BYTES, (int)sequence,
               image_bytes());
    }
    if (state[DAMAGED_EACH] && number % state[DAMAGED_EACH] == 0) {
        buffer->flags |= V4L2_BUF_FLAG_ERROR;
        buffer->bytesused /= 2;
    }
    if (state[EMPTY_EACH] && number % state[EMPTY_EACH] == 0)
        buffer->bytesused = 0;
    if (write(stream.owner->writer, "", 1) < 0)
        state[LOST]++;
}

static inline void hang_up(handle_t *handle)
{
    if (handle->writer)
        system_close(handle->writer);
    handle->writer = 0;
}

static inline void *run(void *unused)
{
    struct timespec due;
    (void)unused;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (unsigned sequence = 0;; sequence++) {
        due.tv_nsec += 1000000000L / (state[FPS] ? state[FPS] : 30);
        if (due.tv_nsec >= 1000000000L) {
            due.tv_nsec -= 1000000000L;
            due.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        pthread_mutex_lock(&lock);
        bool is_on = stream.is_on;
        bool is_gone = is_on && stream.owner->generation != state[GENERATION];
        if (is_gone)
            hang_up(stream.owner);
        else if (is_on && !state[IS_FROZEN])
            expose(sequence);
        pthread_mutex_unlock(&lock);
        if (!is_on || is_gone)
            return NULL;
    }
}

/* With the lock held, which is let go of meanwhile. */
static inline void stop(void)
{
    if (!stream.is_on)
        return;
    stream.is_on = false;
    pthread_mutex_unlock(&lock);
    pthread_join(stream.thread, NULL);
    pthread_mutex_lock(&lock);
    char bytes[BUFFERS];
    if (stream.taken_count && read(stream.owner->fd, bytes, stream.taken_count) < 0)
        die("the camera");
    stream.given_count = stream.taken_count = 0;
    state[STOPPED]++;
}

static inline int start(void)
{
    if (stream.is_on)
        return 0;
    stream.is_on = true;
    state[STARTED]++;
    return pthread_create(&stream.thread, NULL, run, NULL) ? refuse(ENOMEM) : 0;
}

static inline void tell_buffer(struct v4l2_buffer *buffer)
{
    buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->length = BUFFER_BYTES;
    buffer->m.offset = buffer->index * BUFFER_BYTES;
}

static inline int give_buffer(const struct v4l2_buffer *buffer)
{
    if (stream.given_count == BUFFERS || buffer->index >= BUFFERS)
        return refuse(EINVAL);
    stream.given[(stream.given_begin + stream.given_count++) % BUFFERS] = buffer->index;
    return 0;
}

static inline int take_buffer(struct v4l2_buffer *buffer)
{
    char byte;
    if (!stream.taken_count || read(stream.owner->fd, &byte, 1) != 1)
        return refuse(EAGAIN);
    *buffer = stream.taken[stream.taken_begin];
    stream.taken_begin = (stream.taken_begin + 1) % BUFFERS;
    stream.taken_count--;
    tell_buffer(buffer);
    return 0;
}

static inline int request_buffers(handle_t *handle, struct v4l2_requestbuffers *request)
{
    if (request->count > BUFFERS)
        request->count = BUFFERS;
    if (!request->count)
        stop();
    stream.owner = request->count ? handle : NULL;
    stream.given_count = stream.taken_count = 0;
    return 0;
}

#endif
