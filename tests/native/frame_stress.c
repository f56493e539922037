/* A native thread that makes frames, and others that hold and release them, also after
 * the pool's owner has left; for ThreadSanitizer and AddressSanitizer. Ends with status 0
 * and one line of counters when all is well.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "framer.h"

#define IMAGES 20000
#define HOLDERS 4
#define MAX_HELD 16
#define MAX_ENTROPY_BYTES 3000

static const uint8_t HEAD[] = {
    0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0, /* SOI, SOF */
    0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0x3F, 0                        /* SOS */
};

typedef struct {
    pthread_mutex_t lock;
    frame_t *newest;
    int is_over;
} camera;

static camera of = {PTHREAD_MUTEX_INITIALIZER, NULL, 0};

/* An image whose entropy-coded data is one value all over. */
static size_t make_image(uint8_t *image, unsigned *seed)
{
    size_t entropy = 1 + (size_t)rand_r(seed) % MAX_ENTROPY_BYTES;
    size_t size = sizeof HEAD + entropy + 2;
    memcpy(image, HEAD, sizeof HEAD);
    memset(image + sizeof HEAD, rand_r(seed) % 255, entropy);
    image[size - 2] = 0xFF;
    image[size - 1] = 0xD9;
    return size;
}

static int is_whole(const frame_t *frame)
{
    const uint8_t *entropy = frame->data + sizeof HEAD;
    const uint8_t *end = frame->data + frame->size - 2;
    for (const uint8_t *at = entropy; at < end; at++)
        if (*at != *entropy)
            return 0;
    return memcmp(frame->data, HEAD, sizeof HEAD) == 0 && end[1] == 0xD9;
}

static void publish(frame_t *frame, int is_over)
{
    pthread_mutex_lock(&of.lock);
    frame_t *before = of.newest;
    of.newest = frame;
    of.is_over = is_over;
    pthread_mutex_unlock(&of.lock);
    if (before != NULL)
        frame_release(before);
}

/* Takes the newest frame again and again, and keeps each for a while. */
static void *hold(void *argument)
{
    unsigned seed = (unsigned)(intptr_t)argument;
    frame_t *held[MAX_HELD] = {NULL};
    intptr_t torn = 0;
    int is_over = 0;
    while (!is_over) {
        frame_t **place = &held[rand_r(&seed) % MAX_HELD];
        if (*place != NULL) {
            torn += !is_whole(*place);
            frame_release(*place);
        }
        pthread_mutex_lock(&of.lock);
        *place = of.newest == NULL ? NULL : frame_retain(of.newest);
        is_over = of.is_over;
        pthread_mutex_unlock(&of.lock);
    }
    for (int i = 0; i < MAX_HELD; i++)
        if (held[i] != NULL) {
            torn += !is_whole(held[i]);
            frame_release(held[i]);
        }
    return (void *)torn;
}

int main(void)
{
    static uint8_t image[sizeof HEAD + MAX_ENTROPY_BYTES + 2];
    framer_t framer;
    pthread_t holders[HOLDERS];
    unsigned seed = 1;
    unsigned long frames = 0;
    intptr_t torn = 0;
    if (!framer_init(&framer, 1 << 20, HOLDERS * MAX_HELD, NULL, 0, (framer_strip_t){0}))
        return 1;
    for (intptr_t i = 0; i < HOLDERS; i++)
        if (pthread_create(&holders[i], NULL, hold, (void *)(i + 2)) != 0)
            return 1;
    for (int i = 0; i < IMAGES; i++) {
        const uint8_t *at = image;
        size_t left = make_image(image, &seed);
        while (left > 0) {
            size_t room_bytes;
            uint8_t *room = framer_room(&framer, 1 + rand_r(&seed) % 5000, &room_bytes);
            size_t count = left < room_bytes ? left : room_bytes;
            memcpy(room, at, count);
            at += count;
            left -= count;
            frame_t *frame = framer_advance(&framer, count, framer_now_ns());
            while (frame != NULL) {
                frame_t *next = frame->next;
                publish(frame, 0);
                frames++;
                frame = next;
            }
        }
    }
    uint64_t starved = framer.scan.starved;
    framer_close(&framer);
    publish(NULL, 1);
    for (int i = 0; i < HOLDERS; i++) {
        void *found;
        pthread_join(holders[i], &found);
        torn += (intptr_t)found;
    }
    printf("%d images, %lu frames, %ld torn\n", IMAGES, frames, (long)torn);
    return torn != 0 || frames + starved != IMAGES;
}
