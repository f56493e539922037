/* What the stream pump's thread does.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * It waits for sockets that can take more and for pictures that are new, chooses a
 * viewer's picture when its socket can take one, and closes those who stall.
 */
#ifndef PRUSACAM_PUMP_THREAD_H
#define PRUSACAM_PUMP_THREAD_H

#include "pump.h"

#include <sys/prctl.h>

static inline void pump_close_viewer(pump *p, viewer *v) {
    /* The connection may have another descriptor, for which epoll would go on to tell
     * of a viewer that is no more. */
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, v->fd, NULL);
    close(v->fd);
    pthread_mutex_lock(&p->lock);
    for (viewer **link = &p->viewers; *link != NULL; link = &(*link)->next)
        if (*link == v) {
            *link = v->next;
            break;
        }
    pump_unref(p, v->part);
    channel *c = &p->channels[v->channel];
    if (--c->viewers == 0 && c->newest != NULL && c->newest->frame != NULL) {
        pump_unref(p, c->newest); /* nobody needs it in memory */
        c->newest = NULL;
    }
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

/* Count what was sent, and a picture that was begun after `skipped` others. */
static inline void pump_count(pump *p, viewer *v, int64_t now_ns, size_t sent, int is_new,
                              uint64_t skipped) {
    pthread_mutex_lock(&p->lock);
    p->stats.bytes += sent;
    v->stats.bytes += sent;
    if (is_new) {
        p->stats.frames++;
        v->stats.frames++;
        v->stats.skipped += skipped;
        int64_t elapsed_ns = now_ns - v->window_ns;
        if (elapsed_ns >= PUMP_RATE_WINDOW_NS) {
            v->stats.fps = 1e9 * (double)v->window_frames / (double)elapsed_ns;
            v->window_ns = now_ns;
            v->window_frames = 0;
        }
        v->window_frames++;
    }
    pthread_mutex_unlock(&p->lock);
}

/* Let go of the part; `is_whole`: its last byte is out. */
static inline void pump_end_part(pump *p, viewer *v, int is_whole) {
    payload *part = v->part;
    v->part = NULL;
    v->offset = 0;
    pthread_mutex_lock(&p->lock);
    if (is_whole && part->frame != NULL) {
        channel *c = &p->channels[v->channel];
        int64_t delay_ns = pump_now_ns() - part->frame->last_ns;
        c->delays_us[c->delivered++ % PUMP_DELAYS] = (uint32_t)(delay_ns / 1000);
    }
    pump_unref(p, part);
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
                pump_end_part(p, v, 0);
                v->shown = shown;
            }
            pump_wait_writable(p, v, 1);
            return 1;
        }
        v->progress_ns = now_ns;
        v->offset += (size_t)sent;
        if (is_new)
            v->begun_ns = now_ns;
        pump_count(p, v, now_ns, (size_t)sent, is_new,
                   shown && v->shown > shown ? v->shown - shown - 1 : 0);
        if (v->head != NULL && v->offset == v->head_bytes) {
            free(v->head);
            v->head = NULL;
            v->offset = 0;
        } else if (v->head == NULL && v->offset == pump_part_bytes(v->part)) {
            pump_end_part(p, v, 1);
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
        pthread_mutex_lock(&p->lock);
        v->next = p->viewers;
        p->viewers = v;
        pthread_mutex_unlock(&p->lock);
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

/* Streams whose time is over are closed. Still scenes are repeated, since Mainsail reconnects after 10 s without a frame. */
static inline void pump_tick(pump *p, int64_t now_ns, int64_t *due_ns) {
    for (viewer *v = p->viewers, *next; v != NULL; v = next) {
        next = v->next;
        if (v->until_ns != 0 && now_ns >= v->until_ns) {
            pump_close_viewer(p, v);
        } else if (v->is_waiting) {
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

/* Those whose streams somebody ended. */
static inline void pump_close_dismissed(pump *p) {
    for (viewer *v = p->viewers, *next; v != NULL; v = next) {
        next = v->next;
        pthread_mutex_lock(&p->lock);
        int is_dismissed = v->is_dismissed;
        pthread_mutex_unlock(&p->lock);
        if (is_dismissed)
            pump_close_viewer(p, v);
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
    prctl(PR_SET_NAME, "prusacam-pump", 0, 0, 0);
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
        int is_stopping = p->stopping, must_close = p->dismissed;
        p->dismissed = 0;
        p->turns++;
        pthread_mutex_unlock(&p->lock);
        pump_welcome(p);
        if (is_stopping)
            break;
        if (must_close)
            pump_close_dismissed(p);
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

#endif
