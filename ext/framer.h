/* Reads in, frames out: the scanner over the open slot of a frame pool.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * No Python and no GIL: one thread owns a framer, and anybody may hold its frames.
 *
 *     uint8_t *room = framer_room(&framer, hint, &room_bytes);
 *     ssize_t count = recv(fd, room, room_bytes, 0);
 *     for (frame_t *frame = framer_advance(&framer, count, now_ns); frame != NULL;)
 *         ... each frame of the list comes with one reference ...
 *
 * Bytes are received where they stay. When an image ends, either it keeps the slot and
 * what was read past its end is copied to the next one, or, if that is more, the image
 * itself is copied: no byte is copied twice.
 */
#ifndef PRUSACAM_FRAMER_H
#define PRUSACAM_FRAMER_H

#include <time.h>

#include "frame_pool.h"
#include "scan.h"

/* A framer_t that a thread of another extension module may use. */
#define FRAMER_CAPSULE "moonraker_prusacam.framer_t.1"

enum {
    FRAMER_LEAST_ROOM_BYTES = 4 << 10,
    /* Asked for while no frame has told how large they are. */
    FRAMER_FIRST_ROOM_BYTES = 64 << 10,
    FRAMER_READ_BYTES = 256 << 10,
    FRAMER_MAX_DHT_BYTES = 512,
    /* A slot this much larger than its frame is cut: growing it again costs more. */
    FRAMER_TRIM_FACTOR = 8
};

/* What is left out of the metadata before the first scan. */
typedef struct framer_strip_t {
    bool app;        /* APP1 and APP2 */
    bool thumbnails; /* APPn and COM that hold FF D8 or FF D9 */
} framer_strip_t;

typedef struct framer_t {
    scan_t scan;
    frame_pool_t *pool;
    frame_t *slot;
    size_t size;     /* up to where the slot is filled */
    size_t headroom; /* left free in front, where tables are put in */
    uint64_t origin; /* offset in the stream of the slot's first byte */
    size_t last_bytes;
    size_t needed_bytes;
    const uint8_t *dht;
    size_t dht_bytes;
    framer_strip_t strip;
    /* What others are told of the scan while a thread is at work on it. */
    pthread_mutex_t told_lock;
    scan_t told;
} framer_t;

/* The time that reads are told by; CLOCK_MONOTONIC, like Python's. */
static inline int64_t framer_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What a slot can take in the worst case; a pool is limited to a number of these. */
static inline size_t framer_slot_bytes(size_t max_frame_bytes)
{
    return frame_slot_bytes(max_frame_bytes + max_frame_bytes / 8
                            + 2 * FRAMER_READ_BYTES);
}

static inline size_t framer_slot_capacity(const framer_t *framer)
{
    size_t needed = framer->needed_bytes;
    return framer->headroom + needed + needed / 8 + 2 * FRAMER_LEAST_ROOM_BYTES;
}

/* Make a framer. `dht`, unless NULL, is a segment that is put into frames without one;
 * it must outlive the framer. False: no memory,
 * or the segment is too long. */
static inline bool framer_init(framer_t *framer, size_t max_frame_bytes,
                               size_t max_slots, const uint8_t *dht, size_t dht_bytes,
                               framer_strip_t strip)
{
    memset(framer, 0, sizeof *framer);
    if (dht_bytes > FRAMER_MAX_DHT_BYTES)
        return false;
    if (pthread_mutex_init(&framer->told_lock, NULL) != 0)
        return false;
    framer->dht = dht;
    framer->dht_bytes = dht_bytes;
    framer->headroom = dht == NULL ? 0 : FRAMER_MAX_DHT_BYTES;
    framer->strip = strip;
    framer->size = framer->headroom;
    framer->origin = 0 - (uint64_t)framer->headroom;
    scan_init(&framer->scan, max_frame_bytes, framer->headroom);
    size_t slot_bytes = framer_slot_bytes(max_frame_bytes);
    size_t limit = max_slots > SIZE_MAX / slot_bytes ? SIZE_MAX : max_slots * slot_bytes;
    framer->pool = frame_pool_new(limit);
    if (framer->pool == NULL)
        return false;
    size_t capacity = framer->headroom + FRAMER_FIRST_ROOM_BYTES;
    framer->slot = frame_pool_take(framer->pool, capacity, capacity);
    return framer->slot != NULL;
}

/* Let go of everything but the frames that others hold. */
static inline void framer_close(framer_t *framer)
{
    if (framer->slot != NULL)
        frame_release(framer->slot);
    if (framer->pool != NULL)
        frame_pool_close(framer->pool);
    framer->slot = NULL;
    framer->pool = NULL;
    pthread_mutex_destroy(&framer->told_lock);
}

/* Make what the scan has counted known to others. */
static inline void framer_tell(framer_t *framer)
{
    pthread_mutex_lock(&framer->told_lock);
    framer->told = framer->scan;
    pthread_mutex_unlock(&framer->told_lock);
}

/* The scan's state as it was told last; from any thread. */
static inline scan_t framer_told(framer_t *framer)
{
    pthread_mutex_lock(&framer->told_lock);
    scan_t told = framer->told;
    pthread_mutex_unlock(&framer->told_lock);
    return told;
}

/* Bytes held: the open image, or what may be the beginning of one. */
static inline size_t framer_pending(const framer_t *framer)
{
    return framer->size - framer->scan.start;
}

/* Tell that the slot's first byte is `count` further on in the stream. */
static inline void framer_rebase(framer_t *framer, size_t count)
{
    scan_rebase(&framer->scan, count);
    framer->size -= count;
    framer->origin += count;
}

/* Move what is pending to the front of the slot. */
static inline void framer_compact(framer_t *framer)
{
    size_t count = framer->scan.start - framer->headroom;
    if (count == 0)
        return;
    uint8_t *front = framer->slot->base + framer->headroom;
    memmove(front, front + count, framer_pending(framer));
    framer_rebase(framer, count);
}

/* How much the next read should take: about what is missing of the open image, since
 * bytes of the next one will have to be copied. Both twins must agree on it. */
static inline size_t framer_wanted(const framer_t *framer, ptrdiff_t hint)
{
    size_t most = hint > 0 ? (size_t)hint : (size_t)FRAMER_READ_BYTES;
    size_t pending = framer_pending(framer);
    size_t wanted = FRAMER_FIRST_ROOM_BYTES;
    if (framer->last_bytes > pending)
        wanted = framer->last_bytes - pending + FRAMER_LEAST_ROOM_BYTES;
    else if (framer->last_bytes)
        wanted = pending / 16 + FRAMER_LEAST_ROOM_BYTES;
    return wanted < most ? wanted : most;
}

/* Where the next read may be put, and how long it may be (never 0). When the pool has
 * no memory for the open image, that one is dropped and counted as starved. */
static inline uint8_t *framer_room(framer_t *framer, ptrdiff_t hint, size_t *room_bytes)
{
    frame_t *slot = framer->slot;
    size_t wanted = framer_wanted(framer, hint);
    if (slot->capacity - framer->size < wanted)
        framer_compact(framer);
    if (slot->capacity - framer->size < wanted) {
        size_t least = framer->size + wanted;
        size_t most = framer->headroom + framer->scan.max_frame_bytes + wanted;
        size_t capacity = least + least / 2 < most ? least + least / 2 : most;
        if (!frame_pool_resize(slot, capacity > least ? capacity : least)
            && framer->scan.state != SCAN_SEEK) {
            framer->scan.starved++;
            scan_drop(&framer->scan, framer->size);
            framer_compact(framer);
        }
    }
    size_t there_is = slot->capacity - framer->size;
    *room_bytes = wanted < there_is ? wanted : there_is;
    return slot->base + framer->size;
}

/* Whether FF D8 or FF D9 stands somewhere in these bytes. */
static inline bool framer_holds_image_marker(const uint8_t *at, const uint8_t *end)
{
    while (at + 1 < end) {
        at = (const uint8_t *)memchr(at, 0xFF, (size_t)(end - at - 1));
        if (at == NULL)
            return false;
        if (at[1] == SCAN_SOI || at[1] == SCAN_EOI)
            return true;
        at++;
    }
    return false;
}

/* Whether a segment is to be left out. */
static inline bool framer_strips(const framer_t *framer, const uint8_t *segment,
                                 size_t length)
{
    int code = segment[1];
    if (framer->strip.app && (code == SCAN_APP1 || code == SCAN_APP2))
        return true;
    bool is_metadata = (SCAN_APP0 <= code && code <= SCAN_APP15) || code == SCAN_COM;
    return framer->strip.thumbnails && is_metadata
        && framer_holds_image_marker(segment + 2, segment + length);
}

/* Rewrite the `head` bytes before the first scan, in place: they end where they ended
 * and begin later (segments stripped) or earlier (tables put in). The new begin. */
static inline size_t framer_edit_head(const framer_t *framer, uint8_t *base, size_t begin,
                                      size_t head, bool insert)
{
    size_t end = begin + head;
    size_t kept = begin + 2;
    size_t at = kept;
    while (at < end) {
        size_t length = 1;
        bool keep = true;
        int code = base[at + 1];
        if (scan_is_standalone(code)) {
            length = 2;
        } else if (code != 0xFF) {
            length = 2 + scan_big_endian(base + at + 2);
            keep = !framer_strips(framer, base + at, length);
        }
        if (keep) {
            if (kept != at)
                memmove(base + kept, base + at, length);
            kept += length;
        }
        at += length;
    }
    size_t size = kept - begin;
    size_t inserted = insert ? framer->dht_bytes : 0;
    size_t moved = end - inserted - size;
    if (moved != begin)
        memmove(base + moved, base + begin, size);
    if (inserted)
        memcpy(base + end - inserted, framer->dht, inserted);
    return moved;
}

/* Fill in what is known of the frame whose bytes are `begin` to `end` in its slot. */
static inline void framer_publish(const framer_t *framer, frame_t *frame, size_t begin,
                                  size_t end)
{
    const scan_t *scan = &framer->scan;
    bool insert = framer->dht != NULL && !scan->has_dht;
    frame->offset = framer->origin + scan->start;
    if (insert || framer->strip.app || framer->strip.thumbnails)
        begin = framer_edit_head(framer, frame->base, begin, scan->sos_offset, insert);
    if (frame->capacity > FRAMER_TRIM_FACTOR * end + FRAME_POOL_SLACK_BYTES)
        frame_pool_resize(frame, end);
    frame->data = frame->base + begin;
    frame->size = end - begin;
    frame->seq = scan->frames + 1;
    frame->first_ns = scan->first_ns;
    frame->last_ns = scan->now_ns;
    frame->width = scan->image.width;
    frame->height = scan->image.height;
    frame->has_dht = scan->has_dht;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t wall_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
    frame->wall_time = (double)wall_ns / 1e9;
    frame_format_header(frame);
}

/* Take the image that was found out of the stream; NULL: no slot for it. */
static inline frame_t *framer_take_frame(framer_t *framer)
{
    scan_t *scan = &framer->scan;
    size_t length = scan->position - scan->start;
    size_t rest = framer->size - scan->position;
    size_t headroom = framer->headroom;
    frame_t *frame = NULL;
    framer->last_bytes = length;
    framer->needed_bytes = frame_pool_note(framer->pool, length);
    if (length < rest) {
        frame = frame_pool_take(framer->pool, headroom + length, headroom + length);
        if (frame != NULL) {
            memcpy(frame->base + headroom, framer->slot->base + scan->start, length);
            framer_publish(framer, frame, headroom, headroom + length);
        }
        scan_pass(scan, frame != NULL);
        return frame;
    }
    size_t least = headroom + rest + FRAMER_LEAST_ROOM_BYTES;
    size_t usual = framer_slot_capacity(framer);
    size_t capacity = least > usual ? least : usual;
    frame_t *next = frame_pool_take(framer->pool, least, capacity);
    if (next != NULL) {
        frame = framer->slot;
        memcpy(next->base + headroom, frame->base + scan->position, rest);
        framer_publish(framer, frame, scan->start, scan->position);
        framer->slot = next;
    }
    scan_pass(scan, frame != NULL);
    if (frame != NULL)
        framer_rebase(framer, scan->start - headroom);
    return frame;
}

/* Scan `count` more bytes; the frames that they complete are put at the list's end. */
static inline void framer_scan(framer_t *framer, size_t count, frame_t ***end)
{
    scan_t *scan = &framer->scan;
    framer->size += count;
    scan->bytes_in += count;
    while (scan_step(scan, framer->slot->base, framer->size)) {
        frame_t *frame = framer_take_frame(framer);
        if (frame != NULL) {
            **end = frame;
            *end = &frame->next;
        }
    }
    if (scan->start == framer->size)
        framer_compact(framer);
}

/* Take `count` bytes that were put into the room; the frames that they complete, as a
 * list, the oldest first. */
static inline frame_t *framer_advance(framer_t *framer, size_t count, int64_t now_ns)
{
    frame_t *first = NULL;
    frame_t **end = &first;
    if (count) {
        scan_begin_read(&framer->scan, framer->size, now_ns);
        framer_scan(framer, count, &end);
    }
    return first;
}

/* Like framer_advance, for one read that lies elsewhere. */
static inline frame_t *framer_feed(framer_t *framer, const uint8_t *data, size_t size,
                                   int64_t now_ns)
{
    frame_t *first = NULL;
    frame_t **end = &first;
    if (size)
        scan_begin_read(&framer->scan, framer->size, now_ns);
    while (size) {
        size_t count;
        uint8_t *room = framer_room(framer, FRAMER_FIRST_ROOM_BYTES, &count);
        if (count > size)
            count = size;
        memcpy(room, data, count);
        framer_scan(framer, count, &end);
        data += count;
        size -= count;
    }
    return first;
}

/* Forget the open image, as on a new connection; counters and seq go on. */
static inline void framer_reset(framer_t *framer)
{
    scan_reset(&framer->scan, framer->size);
    framer_compact(framer);
}

#endif
