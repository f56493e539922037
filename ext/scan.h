/* Cuts a byte stream into JPEG images by walking their markers (ITU-T T.81, Annex B).
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A state machine over a buffer that somebody else fills: no Python, no allocation, and
 * it resumes at any byte. Segments are skipped by their length, so thumbnails and
 * comments inside are harmless; in entropy-coded data it hops from marker to marker.
 *
 *     scan_begin_read(&scan, size, now_ns);
 *     ... bytes are put behind the `size` ones in the buffer ...
 *     while (scan_step(&scan, base, size)) {
 *         ... the image is base[scan.start] up to base[scan.position] ...
 *         scan_pass(&scan, true);
 *     }
 *
 * The owner of the buffer may then drop what lies before scan.start: scan_rebase().
 */
#ifndef PRUSACAM_SCAN_H
#define PRUSACAM_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#include <immintrin.h>
#define SCAN_HAS_AVX2 1
#endif

enum {
    SCAN_TEM = 0x01,
    SCAN_SOF0 = 0xC0,
    SCAN_DHT = 0xC4,
    SCAN_JPG = 0xC8,
    SCAN_DAC = 0xCC,
    SCAN_SOF15 = 0xCF,
    SCAN_RST0 = 0xD0,
    SCAN_RST7 = 0xD7,
    SCAN_SOI = 0xD8,
    SCAN_EOI = 0xD9,
    SCAN_SOS = 0xDA,
    SCAN_DNL = 0xDC,
    SCAN_APP0 = 0xE0,
    SCAN_APP1 = 0xE1,
    SCAN_APP2 = 0xE2,
    SCAN_APP15 = 0xEF,
    SCAN_COM = 0xFE
};

enum { SCAN_LARGEST_FRAME_BYTES = 1 << 30 };

typedef enum scan_state_t { SCAN_SEEK, SCAN_IN_MARKER, SCAN_IN_ENTROPY } scan_state_t;

typedef struct scan_size_t {
    uint16_t width;
    uint16_t height;
} scan_size_t;

/* Finds the marker that ends entropy-coded data: the first FF before `end` that neither
 * 00 (stuffing) nor D0..D7 (restart) nor FF (fill) follows. Without one it is `end`, or
 * the byte before it if that is an FF, whose successor is to come. */
typedef const uint8_t *(*scan_finder_t)(const uint8_t *at, const uint8_t *end);

typedef struct scan_t {
    scan_finder_t find_marker;
    size_t max_frame_bytes;
    /* Bytes from `start` on are the open image, or the beginning of an SOI. */
    size_t start;
    size_t position; /* may lie beyond the bytes there are, in a segment to come */
    scan_state_t state;
    /* Of the open image. */
    scan_size_t image;
    size_t sos_offset;
    bool has_dht;
    bool has_scan;
    /* Of the last frame, and of the image that ended at `start`; width 0: none. */
    scan_size_t frame;
    scan_size_t neighbour;
    /* Times: of the byte at `start`, of this read, and of the one before, whose bytes
     * lie before `carried`. */
    int64_t first_ns;
    int64_t now_ns;
    int64_t previous_ns;
    size_t carried;
    /* Counters, see ScannerStats. */
    uint64_t bytes_in;
    uint64_t frames;
    uint64_t frame_bytes;
    uint64_t junk_bytes;
    uint64_t dropped_bytes;
    uint64_t truncated;
    uint64_t oversize;
    uint64_t malformed;
    uint64_t secondary;
    uint64_t without_dht;
    uint64_t starved;
} scan_t;

static inline bool scan_is_rst(int code)
{
    return SCAN_RST0 <= code && code <= SCAN_RST7;
}

static inline bool scan_is_standalone(int code)
{
    return code == SCAN_TEM || scan_is_rst(code);
}

static inline bool scan_is_sof(int code)
{
    return SCAN_SOF0 <= code && code <= SCAN_SOF15 && code != SCAN_DHT
        && code != SCAN_JPG && code != SCAN_DAC;
}

static inline size_t scan_big_endian(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static inline bool scan_same_size(scan_size_t one, scan_size_t other)
{
    return one.width == other.width && one.height == other.height;
}

/* A JPEG has an FF in every 200 bytes or so: memchr() flies from one to the next. */
static inline const uint8_t *scan_find_by_memchr(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        at = (const uint8_t *)memchr(at, 0xFF, (size_t)(end - at));
        if (at == NULL)
            return end;
        if (end - at < 2)
            return at;
        if (at[1] == 0xFF)
            at += 1;
        else if (at[1] == 0x00 || scan_is_rst(at[1]))
            at += 2;
        else
            return at;
    }
    return end;
}

#ifdef SCAN_HAS_AVX2
/* Where in the 32 bytes at `at` there is an FF before what ends a scan. */
__attribute__((target("avx2"))) static inline __m256i scan_hits_avx2(const uint8_t *at)
{
    const __m256i ff = _mm256_set1_epi8((char)0xFF);
    __m256i here = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i next = _mm256_loadu_si256((const __m256i *)(const void *)(at + 1));
    __m256i family = _mm256_and_si256(next, _mm256_set1_epi8((char)0xF8));
    __m256i passed = _mm256_or_si256(
        _mm256_or_si256(_mm256_cmpeq_epi8(next, _mm256_setzero_si256()),
                        _mm256_cmpeq_epi8(next, ff)),
        _mm256_cmpeq_epi8(family, _mm256_set1_epi8((char)SCAN_RST0)));
    return _mm256_andnot_si256(passed, _mm256_cmpeq_epi8(here, ff));
}

/* Stuffed bytes, restart markers and fill are passed over without a branch. */
__attribute__((target("avx2"))) static inline const uint8_t *
scan_find_by_avx2(const uint8_t *at, const uint8_t *end)
{
    for (; end - at > 64; at += 64) {
        __m256i low = scan_hits_avx2(at);
        __m256i high = scan_hits_avx2(at + 32);
        __m256i hits = _mm256_or_si256(low, high);
        if (!_mm256_testz_si256(hits, hits)) {
            uint32_t first = (uint32_t)_mm256_movemask_epi8(low);
            if (first)
                return at + __builtin_ctz(first);
            return at + 32 + __builtin_ctz((uint32_t)_mm256_movemask_epi8(high));
        }
    }
    return scan_find_by_memchr(at, end);
}
#endif

/* The fastest finder that this processor can run. */
static inline scan_finder_t scan_best_finder(void)
{
#ifdef SCAN_HAS_AVX2
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        return scan_find_by_avx2;
#endif
    return scan_find_by_memchr;
}

/* Make `scan` ready for a buffer whose first byte to come is at `start`. */
static inline void scan_init(scan_t *scan, size_t max_frame_bytes, size_t start)
{
    memset(scan, 0, sizeof *scan);
    scan->find_marker = scan_best_finder();
    scan->max_frame_bytes = max_frame_bytes;
    scan->start = scan->position = start;
}

/* Tell that a read's bytes, which came at `now_ns`, will follow the first `size`. */
static inline void scan_begin_read(scan_t *scan, size_t size, int64_t now_ns)
{
    scan->previous_ns = scan->now_ns;
    scan->now_ns = now_ns;
    scan->carried = size;
    if (scan->start == size)
        scan->first_ns = now_ns;
}

/* Tell that the first `count` bytes of the buffer are gone. */
static inline void scan_rebase(scan_t *scan, size_t count)
{
    scan->start -= count;
    scan->position -= count;
    scan->carried = scan->carried > count ? scan->carried - count : 0;
}

static inline void scan_move_start(scan_t *scan, size_t start)
{
    scan->start = start;
    /* A start before this read's bytes is an FF that ended the read before. */
    scan->first_ns = start >= scan->carried ? scan->now_ns : scan->previous_ns;
}

/* Give up the open image and look for the next from `resume` on. */
static inline void scan_drop(scan_t *scan, size_t resume)
{
    scan->dropped_bytes += resume - scan->start;
    scan->neighbour.width = 0;
    scan->state = SCAN_SEEK;
    scan_move_start(scan, resume);
}

static inline void scan_drop_malformed(scan_t *scan, size_t resume)
{
    scan->malformed++;
    scan_drop(scan, resume);
}

/* Find the next SOI, which a real image follows with FF; false: none yet. */
static inline bool scan_seek(scan_t *scan, const uint8_t *base, size_t size)
{
    const uint8_t *end = base + size;
    const uint8_t *at = base + scan->start;
    const uint8_t *found = end;
    bool is_whole = false;
    while (at < end) {
        found = (const uint8_t *)memchr(at, 0xFF, (size_t)(end - at));
        if (found == NULL) {
            found = end;
            break;
        }
        at = found + 1;
        if ((end - found < 2 || found[1] == SCAN_SOI)
            && (end - found < 3 || found[2] == 0xFF)) {
            is_whole = end - found > 2;
            break;
        }
        found = end;
    }
    size_t start = (size_t)(found - base);
    if (start > scan->start) {
        scan->junk_bytes += start - scan->start;
        scan->neighbour.width = 0;
        scan_move_start(scan, start);
    }
    if (!is_whole)
        return false;
    scan->image.width = scan->image.height = 0;
    scan->sos_offset = 0;
    scan->has_dht = scan->has_scan = false;
    scan->state = SCAN_IN_MARKER;
    scan->position = start + 2;
    return true;
}

/* Step over entropy-coded data to the next marker; false: it goes on. */
static inline bool scan_skip_entropy(scan_t *scan, const uint8_t *base, size_t end)
{
    if (scan->position >= end)
        return false;
    const uint8_t *found = scan->find_marker(base + scan->position, base + end);
    size_t position = (size_t)(found - base);
    if (position > scan->position) {
        scan->has_scan = true;
        scan->position = position;
    }
    if (end - position < 2)
        return false;
    scan->state = SCAN_IN_MARKER;
    return true;
}

/* Step over a segment by its length; false: its head is not all there. */
static inline bool scan_skip_segment(scan_t *scan, const uint8_t *base, size_t end)
{
    size_t position = scan->position;
    const uint8_t *at = base + position;
    int code = at[1];
    size_t least_length = scan_is_sof(code) ? 8 : code == SCAN_DNL ? 4 : 2;
    if (position + 4 > end)
        return false;
    size_t length = scan_big_endian(at + 2);
    if (length < least_length) {
        scan_drop_malformed(scan, position);
        return true;
    }
    if (position + 2 + least_length > end)
        return false;
    if (scan_is_sof(code) && !scan->image.width) {
        scan->image.height = (uint16_t)scan_big_endian(at + 5);
        scan->image.width = (uint16_t)scan_big_endian(at + 7);
    } else if (code == SCAN_DNL && !scan->image.height) {
        scan->image.height = (uint16_t)scan_big_endian(at + 4);
    } else if (code == SCAN_DHT && !scan->sos_offset) {
        scan->has_dht = true;
    } else if (code == SCAN_SOS) {
        if (!scan->image.width) {
            scan_drop_malformed(scan, position);
            return true;
        }
        if (!scan->sos_offset)
            scan->sos_offset = position - scan->start;
        scan->state = SCAN_IN_ENTROPY;
    }
    scan->position = position + 2 + length;
    return true;
}

/* Step over what is due at a marker's place; false: it is not all there. */
static inline bool scan_take_marker(scan_t *scan, const uint8_t *base, size_t end,
                                    bool *is_eoi)
{
    size_t position = scan->position;
    if (position + 2 > end)
        return false;
    int code = base[position + 1];
    if (base[position] != 0xFF || code == 0x00) {
        scan_drop_malformed(scan, position);
    } else if (code == 0xFF) {
        scan->position = position + 1;
    } else if (code == SCAN_SOI) {
        scan->truncated++;
        scan_drop(scan, position);
    } else if (code == SCAN_EOI) {
        scan->position = position + 2;
        *is_eoi = true;
    } else if (scan_is_standalone(code)) {
        scan->position = position + 2;
    } else {
        return scan_skip_segment(scan, base, end);
    }
    return true;
}

/* Judge the image that ends at `position`; true: it is a frame. */
static inline bool scan_end_image(scan_t *scan)
{
    if (!scan->has_scan || !scan->image.height) {
        scan_drop_malformed(scan, scan->position);
        return false;
    }
    if (scan->neighbour.width && !scan_same_size(scan->image, scan->neighbour)
        && !scan_same_size(scan->image, scan->frame)) {
        scan->secondary++;
        scan_drop(scan, scan->position);
        scan->neighbour = scan->image;
        return false;
    }
    return true;
}

/* Walk to the end of the next frame, `start` to `position`; false: not all there.
 *
 * No image is followed past its limit, so that the outcome depends on the bytes alone
 * and not on the reads they came in. */
static inline bool scan_step(scan_t *scan, const uint8_t *base, size_t size)
{
    for (;;) {
        bool is_eoi = false;
        if (scan->state == SCAN_SEEK && !scan_seek(scan, base, size))
            return false;
        size_t end = size;
        if (end - scan->start > scan->max_frame_bytes)
            end = scan->start + scan->max_frame_bytes;
        bool moved = scan->state == SCAN_IN_MARKER
                         ? scan_take_marker(scan, base, end, &is_eoi)
                         : scan_skip_entropy(scan, base, end);
        if (is_eoi) {
            if (scan_end_image(scan))
                return true;
        } else if (!moved) {
            if (end == size)
                return false;
            scan->oversize++;
            scan_drop(scan, scan->position < end ? scan->position : end);
        }
    }
}

/* Count the frame that was found and step behind it. */
static inline void scan_pass(scan_t *scan, bool is_delivered)
{
    size_t length = scan->position - scan->start;
    if (is_delivered) {
        scan->frames++;
        scan->frame_bytes += length;
        scan->without_dht += !scan->has_dht;
    } else {
        scan->starved++;
        scan->dropped_bytes += length;
    }
    scan->frame = scan->neighbour = scan->image;
    scan->state = SCAN_SEEK;
    scan_move_start(scan, scan->position);
}

/* Forget the open image, of the `size` bytes there are, as on a new connection. */
static inline void scan_reset(scan_t *scan, size_t size)
{
    if (scan->state == SCAN_SEEK)
        scan->junk_bytes += size - scan->start;
    else
        scan->dropped_bytes += size - scan->start;
    scan->state = SCAN_SEEK;
    scan->neighbour.width = 0;
    scan->start = size;
}

#endif
