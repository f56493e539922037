/* The stream pump's native thread.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One thread writes the sockets of all viewers and never holds Python's lock, so a stall
 * of the interpreter delays no viewer of what has been published. Pictures are payloads.
 * Those around a frame are released wherever the last one who sends them is; others
 * belong to Python and are given back through a list, because only a thread that holds
 * its lock may release them.
 *
 * Everything below `pump` is protected by its mutex, except the fields of a viewer that
 * are marked as the thread's own.
 */
#ifndef PRUSACAM_PUMP_H
#define PRUSACAM_PUMP_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "frame_sink.h"

#define PUMP_MAX_CHANNELS 64
#define PUMP_EVENTS 64
#define PUMP_DELIMITER "\r\n--prusacamframe\r\n"
#define PUMP_DELIMITER_BYTES (sizeof(PUMP_DELIMITER) - 1)
#define PUMP_DELAYS 256
#define PUMP_LABEL_BYTES 48
#define PUMP_RATE_WINDOW_NS 1000000000

typedef struct payload {
    const uint8_t *header, *data;
    size_t header_bytes, data_bytes;
    int64_t expires_ns; /* from then on it must not begin to be sent */
    frame_t *frame;     /* that it shows, with a reference, or NULL */
    void *owner;        /* without a frame: for whoever releases it */
    long refs;
    struct payload *next;
} payload;

typedef struct viewer_stats {
    int channel;
    char label[PUMP_LABEL_BYTES];
    char name[PUMP_LABEL_BYTES];
    int64_t opened_ns;
    uint64_t frames, skipped, bytes;
    double fps;
} viewer_stats;

typedef struct viewer {
    int fd;
    int channel;
    uint64_t generation;      /* of the channel when the viewer came */
    int is_dismissed;         /* protected by the mutex */
    struct viewer *next;
    /* The thread's own. */
    uint8_t *head;            /* what goes before the first part; NULL when sent */
    size_t head_bytes;
    payload *part;            /* under way; NULL between parts */
    size_t offset;            /* of head or part that is sent */
    uint64_t shown;           /* serial of the last picture begun */
    int64_t begun_ns, progress_ns, interval_ns;
    int64_t until_ns;         /* when it is to be closed; 0: never */
    int is_waiting;           /* for the socket to take more */
    /* What others are told; protected by the mutex. */
    viewer_stats stats;
    int64_t window_ns;        /* since when frames are counted for the rate */
    uint64_t window_frames;
} viewer;

typedef struct channel {
    payload *newest;
    uint64_t seq;             /* of the newest frame that was shown */
    uint64_t serial;          /* of newest */
    uint64_t generation;      /* viewers of an older one are to be closed */
    long viewers;
    uint32_t delays_us[PUMP_DELAYS]; /* from a frame's last byte in to its last one out */
    uint64_t delivered;
} channel;

typedef struct pump_stats {
    uint64_t opened, stalled, frames, bytes;
    long viewers;
} pump_stats;

typedef struct pump {
    pthread_mutex_t lock;
    channel channels[PUMP_MAX_CHANNELS];
    int channel_count;
    viewer *arrivals;         /* added, not yet seen by the thread */
    payload *released;        /* nobody sends them any more */
    pump_stats stats;
    int stopping;
    int dismissed;            /* there are viewers that the thread is to close */
    uint64_t turns;           /* of the thread, which is alive while they rise */
    int64_t stall_ns, repeat_ns, tick_ns;
    int epoll, wake;
    viewer *viewers;          /* the thread's own list */
} pump;

static inline int64_t pump_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int pump_open(pump *p, int64_t stall_ns, int64_t repeat_ns,
                            int64_t tick_ns) {
    memset(p, 0, sizeof *p);
    p->stall_ns = stall_ns;
    p->repeat_ns = repeat_ns;
    p->tick_ns = tick_ns;
    pthread_mutex_init(&p->lock, NULL);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->epoll < 0 || p->wake < 0)
        return -1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &event);
}

static inline void pump_poke(pump *p) {
    uint64_t one = 1;
    /* A full counter wakes the thread as well, so the result does not matter. */
    if (write(p->wake, &one, sizeof one) < 0) {
    }
}

/* With the lock held. */
static inline void pump_unref(pump *p, payload *picture) {
    if (picture == NULL || --picture->refs > 0)
        return;
    if (picture->frame != NULL) {
        frame_release(picture->frame);
        free(picture);
    } else {
        picture->next = p->released;
        p->released = picture;
    }
}

/* Make a picture the newest one of a channel; takes it over. */
static inline void pump_show(pump *p, int number, payload *picture) {
    pthread_mutex_lock(&p->lock);
    channel *c = &p->channels[number];
    int is_newer = 1;
    picture->refs = 1;
    if (picture->frame != NULL) {
        /* Two threads may show frames: none is shown after a newer one, or twice. */
        uint64_t seq = picture->frame->seq;
        int is_frame = c->newest != NULL && c->newest->frame != NULL;
        is_newer = seq > c->seq || (seq == c->seq && !is_frame);
        if (is_newer)
            c->seq = seq;
    }
    if (is_newer) {
        pump_unref(p, c->newest);
        c->newest = picture;
        c->serial++;
    } else {
        pump_unref(p, picture);
    }
    int must_poke = is_newer && c->viewers > 0;
    pthread_mutex_unlock(&p->lock);
    if (must_poke)
        pump_poke(p);
}

/* Likewise for a frame, which is lent; without memory it is left out. */
static inline void pump_show_frame(pump *p, int number, frame_t *frame,
                                   int64_t expires_ns) {
    payload *picture = calloc(1, sizeof *picture);
    if (picture == NULL)
        return;
    picture->header = (const uint8_t *)frame->part_header;
    picture->header_bytes = frame->part_header_size;
    picture->data = frame->data;
    picture->data_bytes = frame->size;
    picture->expires_ns = expires_ns;
    picture->frame = frame_retain(frame);
    pump_show(p, number, picture);
}

static inline long pump_watching(pump *p, int number) {
    pthread_mutex_lock(&p->lock);
    long viewers = p->channels[number].viewers;
    pthread_mutex_unlock(&p->lock);
    return viewers;
}

/* A channel as a frame_sink_t's context. */
typedef struct pump_channel {
    pump *p;
    int number;
} pump_channel;

static inline void pump_show_in_channel(void *context, frame_t *frame,
                                        int64_t expires_ns) {
    const pump_channel *of = context;
    if (pump_watching(of->p, of->number) > 0)
        pump_show_frame(of->p, of->number, frame, expires_ns);
}

static inline void pump_end(pump *p, int number) {
    pthread_mutex_lock(&p->lock);
    channel *c = &p->channels[number];
    pump_unref(p, c->newest);
    c->newest = NULL;
    c->generation++;
    pthread_mutex_unlock(&p->lock);
    pump_poke(p);
}

/* Takes the descriptor and a malloc'd head over; -1 when there is no memory. The stream
 * ends after lifetime_ns, unless that is 0. */
static inline int pump_add(pump *p, int fd, int number, uint8_t *head,
                           size_t head_bytes, int64_t interval_ns, int64_t lifetime_ns,
                           const char *label, const char *name) {
    viewer *v = calloc(1, sizeof *v);
    if (v == NULL)
        return -1;
    v->fd = fd;
    v->channel = number;
    v->head = head;
    v->head_bytes = head_bytes;
    v->interval_ns = interval_ns;
    v->progress_ns = v->window_ns = v->stats.opened_ns = pump_now_ns();
    v->until_ns = lifetime_ns == 0 ? 0 : v->progress_ns + lifetime_ns;
    v->stats.channel = number;
    snprintf(v->stats.label, sizeof v->stats.label, "%s", label);
    snprintf(v->stats.name, sizeof v->stats.name, "%s", name);
    pthread_mutex_lock(&p->lock);
    channel *c = &p->channels[number];
    v->generation = c->generation;
    c->viewers++;
    p->stats.viewers++;
    p->stats.opened++;
    v->next = p->arrivals;
    p->arrivals = v;
    pthread_mutex_unlock(&p->lock);
    pump_poke(p);
    return 0;
}

/* With the lock held: mark those of a list that fit; how many there were. */
static inline int pump_dismiss_in(viewer *list, int number, const char *name) {
    int count = 0;
    for (viewer *v = list; v != NULL; v = v->next) {
        int fits = name == NULL ||
                   strncmp(v->stats.name, name, sizeof v->stats.name - 1) == 0;
        if (v->channel == number && fits && !v->is_dismissed) {
            v->is_dismissed = 1;
            count++;
        }
    }
    return count;
}

/* Close streams of a channel at once, whatever is under way: those of a name, or all
 * where it is NULL; how many. */
static inline int pump_dismiss(pump *p, int number, const char *name) {
    pthread_mutex_lock(&p->lock);
    int count = pump_dismiss_in(p->viewers, number, name) +
                pump_dismiss_in(p->arrivals, number, name);
    p->dismissed |= count > 0;
    pthread_mutex_unlock(&p->lock);
    if (count > 0)
        pump_poke(p);
    return count;
}

/* How often the thread has turned; it is made to once more. */
static inline uint64_t pump_ask_turns(pump *p) {
    pthread_mutex_lock(&p->lock);
    uint64_t turns = p->turns;
    pthread_mutex_unlock(&p->lock);
    pump_poke(p);
    return turns;
}

static inline pump_stats pump_read_stats(pump *p) {
    pthread_mutex_lock(&p->lock);
    pump_stats stats = p->stats;
    pthread_mutex_unlock(&p->lock);
    return stats;
}

/* What viewers have got so far, of at most `most` of them; how many there are. */
static inline int pump_read_viewers(pump *p, viewer_stats *told, int most) {
    int64_t now_ns = pump_now_ns();
    int count = 0;
    pthread_mutex_lock(&p->lock);
    for (viewer *v = p->viewers; v != NULL && count < most; v = v->next) {
        told[count] = v->stats;
        int64_t elapsed_ns = now_ns - v->window_ns;
        if (elapsed_ns > 2 * (int64_t)PUMP_RATE_WINDOW_NS)
            told[count].fps = 1e9 * (double)v->window_frames / (double)elapsed_ns;
        count++;
    }
    pthread_mutex_unlock(&p->lock);
    return count;
}

/* How long the newest deliveries of a channel took; how many are told. */
static inline int pump_read_delays(pump *p, int number, uint32_t *delays_us) {
    pthread_mutex_lock(&p->lock);
    const channel *c = &p->channels[number];
    int count = c->delivered < PUMP_DELAYS ? (int)c->delivered : PUMP_DELAYS;
    memcpy(delays_us, c->delays_us, (size_t)count * sizeof *delays_us);
    pthread_mutex_unlock(&p->lock);
    return count;
}

static inline payload *pump_take_released(pump *p) {
    pthread_mutex_lock(&p->lock);
    payload *list = p->released;
    p->released = NULL;
    pthread_mutex_unlock(&p->lock);
    return list;
}

static inline void pump_stop(pump *p) {
    pthread_mutex_lock(&p->lock);
    p->stopping = 1;
    pthread_mutex_unlock(&p->lock);
    pump_poke(p);
}

/* After the thread has ended; what is returned are all pictures that were kept. */
static inline payload *pump_close(pump *p) {
    for (int i = 0; i < p->channel_count; i++) {
        pump_unref(p, p->channels[i].newest);
        p->channels[i].newest = NULL;
    }
    if (p->epoll >= 0)
        close(p->epoll);
    if (p->wake >= 0)
        close(p->wake);
    pthread_mutex_destroy(&p->lock);
    return p->released;
}

#endif
