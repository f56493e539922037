/* Fuzz target of the frame scanner: `make fuzz`.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first bytes of an input choose the options and the sizes of the reads, the rest is
 * the stream. It is read in three ways, with both finders, and all must agree; frames
 * must be whole, the books balanced and the memory bounded. Built without libFuzzer,
 * main() runs the files that it is given.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "framer.h"

#define CHECK(what)                                                                    \
    do {                                                                               \
        if (!(what)) {                                                                 \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);         \
            abort();                                                                   \
        }                                                                              \
    } while (0)

enum { HEADER_BYTES = 4, MAX_HELD = 8 };

/* Stands for the tables; as long as the real ones. */
static const uint8_t DHT[420] = {0xFF, 0xC4, 0x01, 0xA2};

typedef struct options_t {
    size_t max_frame_bytes;
    size_t max_slots;
    bool insert_dht;
    framer_strip_t strip;
    bool hold;   /* keep the newest frames */
    bool starve; /* leave the pool little memory; what is dropped depends on the reads */
    uint32_t seed;
} options_t;

typedef enum way_t { WHOLE, IN_PLACE, BYTEWISE, WAYS } way_t;

typedef struct outcome_t {
    uint64_t digest;
    uint64_t frames;
    uint64_t counters[6];
    size_t pending;
} outcome_t;

static uint64_t digest_of(uint64_t digest, const void *data, size_t size)
{
    const uint8_t *at = (const uint8_t *)data;
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ at[i]) * 0x100000001B3u;
    return digest;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void check_frame(const frame_t *frame, const options_t *options, uint64_t seq)
{
    const uint8_t *data = frame->data;
    size_t size = frame->size;
    size_t inserted = options->insert_dht && !frame->has_dht ? sizeof DHT : 0;
    CHECK(size >= 4 && size <= options->max_frame_bytes + inserted);
    CHECK(data >= frame->base && data + size <= frame->base + frame->capacity);
    CHECK(data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF);
    CHECK(data[size - 2] == 0xFF && data[size - 1] == 0xD9);
    CHECK(frame->width && frame->height && frame->seq == seq);
    CHECK(frame->part_header_size < sizeof frame->part_header);
}

static void take(frame_t *frame, const options_t *options, outcome_t *outcome,
                 frame_t **held)
{
    while (frame != NULL) {
        frame_t *next = frame->next;
        check_frame(frame, options, ++outcome->frames);
        outcome->digest = digest_of(outcome->digest, frame->data, frame->size);
        outcome->digest = digest_of(outcome->digest, &frame->offset, 8);
        frame_t **place = &held[outcome->frames % MAX_HELD];
        if (*place != NULL)
            frame_release(*place);
        *place = options->hold ? frame : NULL;
        if (!options->hold)
            frame_release(frame);
        frame = next;
    }
}

static void read_stream(framer_t *framer, const uint8_t *data, size_t size, way_t way,
                        const options_t *options, outcome_t *outcome, frame_t **held)
{
    uint32_t random = options->seed;
    if (way == WHOLE) {
        take(framer_feed(framer, data, size, 1), options, outcome, held);
        return;
    }
    while (size) {
        size_t room_bytes;
        ptrdiff_t hint = way == BYTEWISE ? 1 : (ptrdiff_t)(next_random(&random) % 700);
        uint8_t *room = framer_room(framer, hint, &room_bytes);
        CHECK(room_bytes > 0);
        CHECK(hint == 0 || room_bytes <= (size_t)hint);
        /* All of it may be written, whatever comes. */
        memset(room, 0xA5, room_bytes);
        size_t count = room_bytes < size ? room_bytes : size;
        memcpy(room, data, count);
        take(framer_advance(framer, count, 1), options, outcome, held);
        data += count;
        size -= count;
    }
}

static outcome_t run(const uint8_t *data, size_t size, way_t way, scan_finder_t finder,
                     const options_t *options)
{
    framer_t framer;
    outcome_t outcome = {0};
    frame_t *held[MAX_HELD] = {NULL};
    const uint8_t *dht = options->insert_dht ? DHT : NULL;
    CHECK(framer_init(&framer, options->max_frame_bytes, options->max_slots, dht,
                      sizeof DHT, options->strip));
    framer.scan.find_marker = finder;
    if (options->starve)
        framer.pool->stats.limit_bytes = framer.pool->stats.bytes + 4 * options->seed;
    read_stream(&framer, data, size, way, options, &outcome, held);
    const scan_t *scan = &framer.scan;
    outcome.pending = framer_pending(&framer);
    CHECK(scan->bytes_in == size);
    CHECK(scan->bytes_in == scan->frame_bytes + scan->dropped_bytes + scan->junk_bytes
                                + outcome.pending);
    CHECK(outcome.pending <= (options->max_frame_bytes > 2 ? options->max_frame_bytes : 2));
    CHECK(scan->frames == outcome.frames);
    CHECK(scan->starved == 0 || options->starve);
    uint64_t counters[6] = {scan->junk_bytes, scan->truncated,    scan->oversize,
                            scan->malformed,  scan->without_dht, scan->secondary};
    memcpy(outcome.counters, counters, sizeof counters);
    frame_pool_stats_t pool = frame_pool_stats(framer.pool);
    CHECK(pool.bytes <= pool.peak_bytes && pool.peak_bytes <= pool.limit_bytes);
    CHECK(pool.in_use <= 1 + (options->hold ? MAX_HELD : 0));
    framer_reset(&framer);
    CHECK(framer_pending(&framer) == 0);
    framer_close(&framer);
    for (int i = 0; i < MAX_HELD; i++)
        if (held[i] != NULL)
            frame_release(held[i]);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER_BYTES)
        return 0;
    options_t options = {
        .max_frame_bytes = data[0] ? (size_t)data[0] * 16 : 8 << 20,
        .max_slots = 8,
        .insert_dht = data[1] & 1,
        .strip = {.app = data[1] & 2, .thumbnails = data[1] & 16},
        .hold = data[1] & 4,
        .starve = data[1] & 8,
        .seed = (uint32_t)data[2] << 8 | data[3],
    };
    data += HEADER_BYTES;
    size -= HEADER_BYTES;
    outcome_t first = run(data, size, WHOLE, scan_find_by_memchr, &options);
    for (int way = WHOLE; way < WAYS; way++) {
        outcome_t other = run(data, size, (way_t)way, scan_best_finder(), &options);
        CHECK(options.starve || memcmp(&first, &other, sizeof first) == 0);
    }
    return 0;
}

#ifndef WITH_LIBFUZZER
int main(int count, char **names)
{
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "rb");
        CHECK(file != NULL);
        CHECK(fseek(file, 0, SEEK_END) == 0);
        long size = ftell(file);
        rewind(file);
        uint8_t *data = (uint8_t *)malloc((size_t)size + 1);
        CHECK(data != NULL);
        CHECK(fread(data, 1, (size_t)size, file) == (size_t)size);
        fclose(file);
        LLVMFuzzerTestOneInput(data, (size_t)size);
        free(data);
    }
    printf("%d inputs\n", count - 1);
    return 0;
}
#endif
