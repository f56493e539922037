/* The frames that the C core finds in a stream, as text: to compare another build of it,
 * such as one for ARM, with the pure-Python twin.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     scan_stream STREAM MAX_FRAME_BYTES DHT STRIP READ_BYTES…
 *
 * STREAM is a file, DHT a file with the tables to put in, or "-"; STRIP is what is left
 * out: "a" for APP1 and APP2, "t" for metadata with thumbnails, "at", or "-".
 * The stream is read twice for every READ_BYTES: fed, and received in place. Time is the
 * number of the read, from 1.
 */
#include "framer.h"

#include <inttypes.h>

enum { MAX_SLOTS = 16 };

typedef struct bytes_t {
    uint8_t *data;
    size_t size;
} bytes_t;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static bytes_t read_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die(name);
    long size = ftell(file);
    rewind(file);
    if (size < 0)
        die(name);
    bytes_t bytes = {(uint8_t *)malloc((size_t)size + 1), (size_t)size};
    if (bytes.data == NULL || fread(bytes.data, 1, bytes.size, file) != bytes.size)
        die(name);
    fclose(file);
    return bytes;
}

/* That of zlib. */
static uint32_t crc32(const uint8_t *data, size_t size)
{
    static uint32_t table[256];
    if (!table[1])
        for (uint32_t i = 0; i < 256; i++) {
            table[i] = i;
            for (int bit = 0; bit < 8; bit++)
                table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
        }
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xFF];
    return ~crc;
}

static void tell_frames(frame_t *frame)
{
    while (frame != NULL) {
        frame_t *next = frame->next;
        printf("frame %" PRIu64 " at %" PRIu64 " size %zu crc32 %08" PRIx32
               " %ux%u dht %d read %" PRId64 "-%" PRId64 "\n",
               frame->seq, frame->offset, frame->size, crc32(frame->data, frame->size),
               frame->width, frame->height, frame->has_dht, frame->first_ns,
               frame->last_ns);
        frame_release(frame);
        frame = next;
    }
}

static void tell_counters(const framer_t *framer)
{
    const scan_t *scan = &framer->scan;
    printf("bytes_in %" PRIu64 " frames %" PRIu64 " frame_bytes %" PRIu64
           " junk_bytes %" PRIu64 " dropped_bytes %" PRIu64 " truncated %" PRIu64
           " oversize %" PRIu64 " malformed %" PRIu64 " secondary %" PRIu64
           " without_dht %" PRIu64 " starved %" PRIu64 " pending_bytes %zu\n",
           scan->bytes_in, scan->frames, scan->frame_bytes, scan->junk_bytes,
           scan->dropped_bytes, scan->truncated, scan->oversize, scan->malformed,
           scan->secondary, scan->without_dht, scan->starved, framer_pending(framer));
}

/* Receive one read of `size` bytes, in as many pieces as the rooms make of it. */
static void receive(framer_t *framer, const uint8_t *data, size_t size, int64_t *now)
{
    while (size) {
        size_t room_bytes;
        uint8_t *room = framer_room(framer, (ptrdiff_t)size, &room_bytes);
        size_t count = room_bytes < size ? room_bytes : size;
        memcpy(room, data, count);
        tell_frames(framer_advance(framer, count, ++*now));
        data += count;
        size -= count;
    }
}

static void scan_stream(framer_t *framer, bytes_t stream, size_t read_bytes,
                        bool in_place)
{
    int64_t now = 0;
    printf("%s by %zu\n", in_place ? "in_place" : "feed", read_bytes);
    for (size_t at = 0; at < stream.size; at += read_bytes) {
        size_t rest = stream.size - at;
        size_t size = rest < read_bytes ? rest : read_bytes;
        if (in_place)
            receive(framer, stream.data + at, size, &now);
        else
            tell_frames(framer_feed(framer, stream.data + at, size, ++now));
    }
    tell_counters(framer);
}

int main(int count, char **arguments)
{
    if (count < 6) {
        fprintf(stderr, "5 arguments are needed\n");
        return 2;
    }
    bytes_t stream = read_file(arguments[1]);
    size_t max_frame_bytes = strtoul(arguments[2], NULL, 10);
    bytes_t dht = {NULL, 0};
    if (strcmp(arguments[3], "-") != 0)
        dht = read_file(arguments[3]);
    framer_strip_t strip = {
        .app = strchr(arguments[4], 'a') != NULL,
        .thumbnails = strchr(arguments[4], 't') != NULL,
    };
    for (int i = 5; i < count; i++)
        for (int in_place = 0; in_place < 2; in_place++) {
            size_t read_bytes = strtoul(arguments[i], NULL, 10);
            framer_t framer;
            if (!read_bytes
                || !framer_init(&framer, max_frame_bytes, MAX_SLOTS, dht.data, dht.size,
                                strip))
                return 2;
            scan_stream(&framer, stream, read_bytes, in_place);
            framer_close(&framer);
        }
    free(stream.data);
    free(dht.data);
    return 0;
}
