/* The stream pump's native thread.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One thread writes the sockets of all viewers and never holds Python's lock, so a stall
 * of the interpreter delays no viewer of what has been published. Pictures are payloads
 * that somebody else owns: the thread counts who sends one, and gives it back through a
 * list, because only a thread that holds Python's lock may release it.
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

#define PUMP_MAX_CHANNELS 64
#define PUMP_EVENTS 64
#define PUMP_DELIMITER "\r\n--prusacamframe\r\n"
#define PUMP_DELIMITER_BYTES (sizeof(PUMP_DELIMITER) - 1)
#define PUMP_NEVER INT64_MAX

typedef struct payload {
    const uint8_t *header, *data;
    size_t header_bytes, data_bytes;
    int64_t expires_ns; /* from then on it must not begin to be sent; PUMP_NEVER */
    void *owner;        /* for whoever releases it */
    long refs;
    struct payload *next;
} payload;

typedef struct viewer {
    int fd;
    int channel;
    uint64_t generation;      /* of the channel when the viewer came */
    struct viewer *next;
    /* The thread's own. */
    uint8_t *head;            /* what goes before the first part; NULL when sent */
    size_t head_bytes;
    payload *part;            /* under way; NULL between parts */
    size_t offset;            /* of head or part that is sent */
    uint64_t shown;           /* serial of the last picture begun */
    int64_t begun_ns, progress_ns, interval_ns;
    int is_waiting;           /* for the socket to take more */
} viewer;

typedef struct channel {
    payload *newest;
    uint64_t serial;          /* of newest */
    uint64_t generation;      /* viewers of an older one are to be closed */
    long viewers;
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
    if (picture != NULL && --picture->refs == 0) {
        picture->next = p->released;
        p->released = picture;
    }
}

static inline void pump_show(pump *p, int number, payload *picture) {
    pthread_mutex_lock(&p->lock);
    channel *c = &p->channels[number];
    pump_unref(p, c->newest);
    picture->refs = 1;
    c->newest = picture;
    c->serial++;
    int is_watched = c->viewers > 0;
    pthread_mutex_unlock(&p->lock);
    if (is_watched)
        pump_poke(p);
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

/* Takes the descriptor and a malloc'd head over; -1 when there is no memory. */
static inline int pump_add(pump *p, int fd, int number, uint8_t *head,
                           size_t head_bytes, int64_t interval_ns) {
    viewer *v = calloc(1, sizeof *v);
    if (v == NULL)
        return -1;
    v->fd = fd;
    v->channel = number;
    v->head = head;
    v->head_bytes = head_bytes;
    v->interval_ns = interval_ns;
    v->progress_ns = pump_now_ns();
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

static inline pump_stats pump_read_stats(pump *p) {
    pthread_mutex_lock(&p->lock);
    pump_stats stats = p->stats;
    pthread_mutex_unlock(&p->lock);
    return stats;
}

static inline long pump_watching(pump *p, int number) {
    pthread_mutex_lock(&p->lock);
    long viewers = p->channels[number].viewers;
    pthread_mutex_unlock(&p->lock);
    return viewers;
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

/* --- the thread ------------------------------------------------------------------- */

static inline void pump_close_viewer(pump *p, viewer *v) {
    for (viewer **link = &p->viewers; *link != NULL; link = &(*link)->next)
        if (*link == v) {
            *link = v->next;
            break;
        }
    /* The connection may have another descriptor, for which epoll would go on to tell
     * of a viewer that is no more. */
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, v->fd, NULL);
    close(v->fd);
    pthread_mutex_lock(&p->lock);
    pump_unref(p, v->part);
    p->channels[v->channel].viewers--;
    p->stats.viewers--;
    pthread_mutex_unlock(&p->lock);
    free(v->head);
    free(v);
}

static inline int pump_watch(pump *p, viewer *v, int operation) {
    struct epoll_event event = {.data.ptr = v};
    event.events = EPOLLIN | EPOLLRDHUP | (v->is_waiting ? EPOLLOUT : 0);
    return epoll_ctl(p->epoll, operation, v->fd, &event);
}

static inline void pump_wait_writable(pump *p, viewer *v, int is_waiting) {
    if (v->is_waiting != is_waiting) {
        v->is_waiting = is_waiting;
        pump_watch(p, v, EPOLL_CTL_MOD);
    }
}

static inline ssize_t pump_send(viewer *v, struct iovec *pieces, int count) {
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    ssize_t sent;
    do
        sent = sendmsg(v->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* What is left of the part from the viewer's offset. */
static inline int pump_pieces(const payload *part, size_t offset,
                              struct iovec pieces[3]) {
    const struct iovec whole[3] = {
        {(void *)part->header, part->header_bytes},
        {(void *)part->data, part->data_bytes},
        {(void *)PUMP_DELIMITER, PUMP_DELIMITER_BYTES},
    };
    int count = 0;
    for (int i = 0; i < 3; i++) {
        if (offset >= whole[i].iov_len) {
            offset -= whole[i].iov_len;
            continue;
        }
        pieces[count].iov_base = (uint8_t *)whole[i].iov_base + offset;
        pieces[count++].iov_len = whole[i].iov_len - offset;
        offset = 0;
    }
    return count;
}

static inline size_t pump_part_bytes(const payload *part) {
    return part->header_bytes + part->data_bytes + PUMP_DELIMITER_BYTES;
}

/* The picture that the viewer should be sent now, with a reference, or NULL.
 * `*must_end` says whether its stream is over; `*due_ns` when to look again. */
static inline payload *pump_choose(pump *p, viewer *v, int64_t now_ns, int repeat,
                                   int *must_end, int64_t *due_ns) {
    payload *picture = NULL;
    pthread_mutex_lock(&p->lock);
    channel *c = &p->channels[v->channel];
    *must_end = v->generation != c->generation;
    if (!*must_end && c->newest != NULL && now_ns < c->newest->expires_ns &&
        (repeat || c->serial != v->shown)) {
        int64_t next_ns = v->begun_ns + v->interval_ns;
        if (v->shown != 0 && now_ns < next_ns) {
            if (next_ns < *due_ns)
                *due_ns = next_ns;
        } else {
            picture = c->newest;
            picture->refs++;
            v->shown = c->serial;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return picture;
}

static inline void pump_count(pump *p, int64_t sent, int frames) {
    pthread_mutex_lock(&p->lock);
    p->stats.bytes += (uint64_t)sent;
    p->stats.frames += (uint64_t)frames;
    pthread_mutex_unlock(&p->lock);
}

/* Send as much as the socket takes, the newest picture last; 0 when the viewer is
 * gone. */
static inline int pump_serve(pump *p, viewer *v, int repeat, int64_t *due_ns) {
    for (;;) {
        int64_t now_ns = pump_now_ns();
        struct iovec pieces[3];
        int count, is_new = 0;
        uint64_t shown = v->shown;
        if (v->head != NULL) {
            pieces[0].iov_base = v->head + v->offset;
            pieces[0].iov_len = v->head_bytes - v->offset;
            count = 1;
        } else {
            if (v->part == NULL) {
                int must_end;
                v->part = pump_choose(p, v, now_ns, repeat, &must_end, due_ns);
                if (must_end) {
                    pump_close_viewer(p, v);
                    return 0;
                }
                if (v->part == NULL) {
                    pump_wait_writable(p, v, 0);
                    return 1;
                }
                is_new = 1;
                repeat = 0;
            }
            count = pump_pieces(v->part, v->offset, pieces);
        }
        ssize_t sent = pump_send(v, pieces, count);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                pump_close_viewer(p, v);
                return 0;
            }
            if (is_new) {
                /* Nothing of it is on its way, so a newer one may go instead. */
                pthread_mutex_lock(&p->lock);
                pump_unref(p, v->part);
                pthread_mutex_unlock(&p->lock);
                v->part = NULL;
                v->shown = shown;
            }
            pump_wait_writable(p, v, 1);
            return 1;
        }
        v->progress_ns = now_ns;
        v->offset += (size_t)sent;
        if (is_new)
            v->begun_ns = now_ns;
        pump_count(p, sent, is_new);
        if (v->head != NULL && v->offset == v->head_bytes) {
            free(v->head);
            v->head = NULL;
            v->offset = 0;
        } else if (v->head == NULL && v->offset == pump_part_bytes(v->part)) {
            pthread_mutex_lock(&p->lock);
            pump_unref(p, v->part);
            pthread_mutex_unlock(&p->lock);
            v->part = NULL;
            v->offset = 0;
        }
    }
}

static inline void pump_welcome(pump *p) {
    pthread_mutex_lock(&p->lock);
    viewer *list = p->arrivals;
    p->arrivals = NULL;
    pthread_mutex_unlock(&p->lock);
    while (list != NULL) {
        viewer *v = list;
        list = v->next;
        v->next = p->viewers;
        p->viewers = v;
        if (pump_watch(p, v, EPOLL_CTL_ADD) < 0)
            pump_close_viewer(p, v);
    }
}

/* What viewers say is not listened to; 0 when this one has left. */
static inline int pump_discard(pump *p, viewer *v) {
    uint8_t junk[4096];
    ssize_t got = recv(v->fd, junk, sizeof junk, MSG_DONTWAIT);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return 1;
    pump_close_viewer(p, v);
    return 0;
}

static inline void pump_serve_idle(pump *p, int64_t *due_ns) {
    for (viewer *v = p->viewers, *next; v != NULL; v = next) {
        next = v->next;
        if (!v->is_waiting)
            pump_serve(p, v, 0, due_ns);
    }
}

/* Still scenes are repeated, since Mainsail reconnects after 10 s without a frame. */
static inline void pump_tick(pump *p, int64_t now_ns, int64_t *due_ns) {
    for (viewer *v = p->viewers, *next; v != NULL; v = next) {
        next = v->next;
        if (v->is_waiting) {
            if (now_ns - v->progress_ns > p->stall_ns) {
                pthread_mutex_lock(&p->lock);
                p->stats.stalled++;
                pthread_mutex_unlock(&p->lock);
                pump_close_viewer(p, v);
            }
        } else if (now_ns - v->progress_ns > p->repeat_ns - p->tick_ns) {
            pump_serve(p, v, 1, due_ns);
        }
    }
}

static inline int pump_timeout_ms(int64_t now_ns, int64_t due_ns) {
    return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns + 999999) / 1000000);
}

/* Runs until pump_stop; then every viewer is closed. */
static inline void pump_run(pump *p) {
    struct epoll_event events[PUMP_EVENTS];
    int64_t tick_ns = pump_now_ns() + p->tick_ns;
    int64_t due_ns = tick_ns;
    for (;;) {
        int timeout_ms = -1;
        if (p->viewers != NULL)
            timeout_ms = pump_timeout_ms(pump_now_ns(), due_ns);
        int count = epoll_wait(p->epoll, events, PUMP_EVENTS, timeout_ms);
        int is_poked = 0;
        for (int i = 0; i < count; i++) {
            viewer *v = events[i].data.ptr;
            if (v == NULL) {
                is_poked = 1;
                continue;
            }
            if (events[i].events & ~EPOLLOUT && !pump_discard(p, v))
                continue;
            if (events[i].events & EPOLLOUT)
                pump_serve(p, v, 0, &due_ns);
        }
        if (is_poked) {
            uint64_t pokes;
            if (read(p->wake, &pokes, sizeof pokes) < 0) {
            }
        }
        pthread_mutex_lock(&p->lock);
        int is_stopping = p->stopping;
        pthread_mutex_unlock(&p->lock);
        pump_welcome(p);
        if (is_stopping)
            break;
        int64_t now_ns = pump_now_ns();
        if (now_ns >= tick_ns) {
            tick_ns = now_ns + p->tick_ns;
            pump_tick(p, now_ns, &due_ns);
        }
        int64_t was_due_ns = due_ns;
        due_ns = tick_ns;
        if (is_poked || now_ns >= was_due_ns)
            pump_serve_idle(p, &due_ns);
        else if (was_due_ns < due_ns)
            due_ns = was_due_ns;
    }
    while (p->viewers != NULL)
        pump_close_viewer(p, p->viewers);
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
