/* Frames, and the bounded pool of slots that they lie in.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A slot is filled by one owner, published once, and never changed again; from then on
 * any thread may hold references to it. The last one gone, it is used again. A frame
 * outlives the pool's owner: the pool goes with its last frame.
 *
 * Memory is bounded: the slots of a pool, free ones included, never have more than
 * `limit_bytes`. They are as large as recent frames needed, so that after a large frame
 * the memory it took is given back.
 *
 * Between extension modules a frame travels in a PyCapsule named FRAME_CAPSULE around
 * its frame_t. The capsule owns one reference and gives it back when it is destroyed;
 * who takes the pointer out and keeps it takes a reference of its own. The name changes
 * with the layout of frame_t, so that modules of different builds refuse each other.
 */
#ifndef PRUSACAM_FRAME_POOL_H
#define PRUSACAM_FRAME_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_CAPSULE "moonraker_prusacam.frame_t.1"

enum {
    FRAME_HEADER_BYTES = 128,
    FRAME_POOL_MAX_FREE = 8,
    FRAME_POOL_ROUND_BYTES = 256,
    FRAME_POOL_SLACK_BYTES = 64 << 10
};

typedef struct frame_pool_t frame_pool_t;

typedef struct frame_t {
    atomic_uint refs;
    frame_pool_t *pool;   /* NULL: the slot was made for this frame alone */
    struct frame_t *next; /* in the list of free slots, or of a read's frames */
    uint8_t *base;
    size_t capacity;
    /* Set when it is published. */
    const uint8_t *data;
    size_t size;
    uint64_t seq;
    uint64_t offset; /* in the stream */
    int64_t first_ns;
    int64_t last_ns;
    double wall_time;
    uint16_t width;
    uint16_t height;
    bool has_dht;
    size_t part_header_size;
    char part_header[FRAME_HEADER_BYTES];
} frame_t;

typedef struct frame_pool_stats_t {
    size_t slots;
    size_t in_use;
    size_t bytes;
    size_t peak_bytes;
    size_t limit_bytes;
} frame_pool_stats_t;

struct frame_pool_t {
    pthread_mutex_t lock;
    frame_pool_stats_t stats;
    frame_t *free; /* the one freed last comes first */
    size_t needed_bytes;
    bool is_closed;
};

static inline size_t frame_slot_bytes(size_t capacity)
{
    return sizeof(frame_t) + capacity;
}

/* A slot of its own for `capacity` bytes, with one reference; NULL: no memory. */
static inline frame_t *frame_new(size_t capacity)
{
    frame_t *frame = (frame_t *)calloc(1, sizeof *frame);
    if (frame == NULL)
        return NULL;
    frame->base = (uint8_t *)malloc(capacity ? capacity : 1);
    if (frame->base == NULL) {
        free(frame);
        return NULL;
    }
    frame->capacity = capacity;
    frame->data = frame->base;
    atomic_init(&frame->refs, 1);
    return frame;
}

static inline void frame_free(frame_t *frame)
{
    free(frame->base);
    free(frame);
}

static inline frame_t *frame_retain(frame_t *frame)
{
    atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    return frame;
}

/* A pool whose slots take at most `limit_bytes`; NULL: no memory. */
static inline frame_pool_t *frame_pool_new(size_t limit_bytes)
{
    frame_pool_t *pool = (frame_pool_t *)calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        return NULL;
    }
    pool->stats.limit_bytes = limit_bytes;
    return pool;
}

static inline void frame_pool_free(frame_pool_t *pool)
{
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* Forget the slot, whose place in the list of free ones is `*link`; with the lock. */
static inline void frame_pool_evict(frame_pool_t *pool, frame_t **link)
{
    frame_t *slot = *link;
    *link = slot->next;
    pool->stats.slots--;
    pool->stats.bytes -= frame_slot_bytes(slot->capacity);
    frame_free(slot);
}

/* Take `bytes` more from the limit, from free slots if need be; with the lock. */
static inline bool frame_pool_charge(frame_pool_t *pool, size_t bytes)
{
    frame_pool_stats_t *stats = &pool->stats;
    if (bytes > stats->limit_bytes)
        return false;
    while (pool->free != NULL && stats->bytes > stats->limit_bytes - bytes)
        frame_pool_evict(pool, &pool->free);
    if (stats->bytes > stats->limit_bytes - bytes)
        return false;
    stats->bytes += bytes;
    if (stats->bytes > stats->peak_bytes)
        stats->peak_bytes = stats->bytes;
    return true;
}

/* Out of the list: a free slot for about `capacity` bytes, or NULL; with the lock. */
static inline frame_t *frame_pool_reuse(frame_pool_t *pool, size_t least,
                                        size_t capacity)
{
    size_t largest = 2 * capacity + FRAME_POOL_SLACK_BYTES;
    size_t smallest = capacity - capacity / 4;
    size_t largest_needed = 2 * pool->needed_bytes + 2 * FRAME_POOL_SLACK_BYTES;
    frame_t **link = &pool->free;
    while (*link != NULL) {
        frame_t *slot = *link;
        if (slot->capacity >= least && slot->capacity >= smallest
            && slot->capacity <= largest) {
            *link = slot->next;
            return slot;
        }
        if (slot->capacity > largest && slot->capacity > largest_needed)
            frame_pool_evict(pool, link);
        else
            link = &slot->next;
    }
    return NULL;
}

/* An unpublished slot with one reference, for at least `least` and preferably
 * `capacity` bytes; NULL: the pool is at its limit, or there is no memory. */
static inline frame_t *frame_pool_take(frame_pool_t *pool, size_t least,
                                       size_t capacity)
{
    capacity = (capacity + FRAME_POOL_ROUND_BYTES - 1)
             & ~(size_t)(FRAME_POOL_ROUND_BYTES - 1);
    size_t bytes = frame_slot_bytes(capacity);
    pthread_mutex_lock(&pool->lock);
    frame_t *slot = frame_pool_reuse(pool, least, capacity);
    bool is_charged = slot == NULL && frame_pool_charge(pool, bytes);
    if (is_charged)
        slot = frame_new(capacity);
    if (slot != NULL) {
        slot->pool = pool;
        slot->next = NULL;
        atomic_store_explicit(&slot->refs, 1, memory_order_relaxed);
        pool->stats.slots += is_charged;
        pool->stats.in_use++;
    } else if (is_charged) {
        pool->stats.bytes -= bytes;
    }
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

/* Change the capacity of an unpublished slot and keep its bytes; false: as before. */
static inline bool frame_pool_resize(frame_t *slot, size_t capacity)
{
    frame_pool_t *pool = slot->pool;
    size_t before = slot->capacity;
    pthread_mutex_lock(&pool->lock);
    bool is_free = capacity <= before || frame_pool_charge(pool, capacity - before);
    pthread_mutex_unlock(&pool->lock);
    if (!is_free)
        return false;
    void *base = realloc(slot->base, capacity);
    if (base != NULL) {
        slot->base = (uint8_t *)base;
        slot->capacity = capacity;
    }
    pthread_mutex_lock(&pool->lock);
    if (base == NULL && capacity > before)
        pool->stats.bytes -= capacity - before;
    else if (base != NULL && capacity < before)
        pool->stats.bytes -= before - capacity;
    pthread_mutex_unlock(&pool->lock);
    return base != NULL;
}

/* Note what a frame needed; it is forgotten over the next hundred or so. */
static inline size_t frame_pool_note(frame_pool_t *pool, size_t size)
{
    pthread_mutex_lock(&pool->lock);
    size_t faded = pool->needed_bytes - pool->needed_bytes / 16;
    pool->needed_bytes = size > faded ? size : faded;
    size_t needed = pool->needed_bytes;
    pthread_mutex_unlock(&pool->lock);
    return needed;
}

static inline frame_pool_stats_t frame_pool_stats(frame_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    frame_pool_stats_t stats = pool->stats;
    pthread_mutex_unlock(&pool->lock);
    return stats;
}

/* Put a slot back; the oldest free one goes when there are enough. */
static inline void frame_pool_put(frame_pool_t *pool, frame_t *slot)
{
    pthread_mutex_lock(&pool->lock);
    slot->next = pool->free;
    pool->free = slot;
    pool->stats.in_use--;
    frame_t **link = &pool->free;
    for (int kept = pool->is_closed ? 0 : FRAME_POOL_MAX_FREE; kept && *link; kept--)
        link = &(*link)->next;
    while (*link != NULL)
        frame_pool_evict(pool, link);
    bool is_last = pool->is_closed && pool->stats.in_use == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        frame_pool_free(pool);
}

/* The owner leaves; the pool goes when its last slot comes back. */
static inline void frame_pool_close(frame_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->free != NULL)
        frame_pool_evict(pool, &pool->free);
    pool->is_closed = true;
    bool is_last = pool->stats.in_use == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        frame_pool_free(pool);
}

/* Give one reference back; from any thread. */
static inline void frame_release(frame_t *frame)
{
    if (atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (frame->pool != NULL)
        frame_pool_put(frame->pool, frame);
    else
        frame_free(frame);
}

/* Format the headers of the frame as a part of multipart/x-mixed-replace.
 *
 * By integers: printf would take the locale's decimal point. */
static inline void frame_format_header(frame_t *frame)
{
    int64_t seconds = (int64_t)frame->wall_time;
    double scaled = (frame->wall_time - (double)seconds) * 1e6;
    int32_t micros = (int32_t)scaled;
    double rest = scaled - micros;
    micros += rest > 0.5 || (rest == 0.5 && (micros & 1));
    if (micros == 1000000) {
        micros = 0;
        seconds++;
    }
    int size = snprintf(frame->part_header, sizeof frame->part_header,
                        "Content-Type: image/jpeg\r\n"
                        "Content-Length: %llu\r\n"
                        "X-Timestamp: %lld.%06ld\r\n\r\n",
                        (unsigned long long)frame->size, (long long)seconds,
                        (long)micros);
    frame->part_header_size = (size_t)size;
}

#endif
