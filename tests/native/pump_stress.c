/* The pump's thread against a publisher and viewers that come and go, for ThreadSanitizer
 * and AddressSanitizer. Ends with status 0 and one line of counters when all is well.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "pump_thread.h"

#include <stdio.h>

#define PICTURES 3000
#define MAX_VIEWERS 1000
#define MAX_PICTURE_BYTES 100000
#define MAX_READ_BYTES 2000000

typedef struct {
    payload picture;
    uint8_t *bytes;
} loan;

static pump of;

static void *pump_thread(void *unused) {
    pump_run(&of);
    return unused;
}

/* Reads some of the stream, now and then slowly, and leaves. */
static void *viewer_thread(void *argument) {
    int fd = (int)(intptr_t)argument;
    unsigned seed = (unsigned)fd;
    uint8_t bytes[65536];
    long limit = rand_r(&seed) % MAX_READ_BYTES, total = 0;
    while (total < limit) {
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0)
            break;
        total += got;
        if (rand_r(&seed) % 50 == 0)
            usleep((useconds_t)(rand_r(&seed) % 2000));
    }
    close(fd);
    return NULL;
}

static void give_back(payload *list) {
    while (list != NULL) {
        loan *one = list->owner;
        list = list->next;
        free(one->bytes);
        free(one);
    }
}

/* Every other picture is a frame. */
static void publish_frame(int number, unsigned *seed) {
    size_t size = 100 + (size_t)(rand_r(seed) % MAX_PICTURE_BYTES);
    frame_t *frame = frame_new(size);
    memset(frame->base, number, size);
    frame->size = size;
    frame->seq = (uint64_t)number + 1;
    frame->last_ns = pump_now_ns();
    frame_format_header(frame);
    pump_channel channel = {&of, number >> 1 & 1};
    pump_show_in_channel(&channel, frame, frame->last_ns + 1000000000);
    frame_release(frame);
}

static void publish(int number, unsigned *seed) {
    loan *one = calloc(1, sizeof *one);
    size_t size = 100 + (size_t)(rand_r(seed) % MAX_PICTURE_BYTES);
    one->bytes = malloc(size);
    memset(one->bytes, number, size);
    one->picture.owner = one;
    one->picture.header = (const uint8_t *)"\r\n";
    one->picture.header_bytes = 2;
    one->picture.data = one->bytes;
    one->picture.data_bytes = size;
    one->picture.expires_ns =
        rand_r(seed) % 10 ? FRAME_NEVER_EXPIRES : pump_now_ns() + 1000000;
    pump_show(&of, number & 1, &one->picture);
    give_back(pump_take_released(&of));
}

static int join(int number, pthread_t *thread, unsigned *seed) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return 0;
    struct timeval patience = {.tv_usec = 300000};
    setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    uint8_t *head = malloc(4);
    memcpy(head, "head", 4);
    pump_add(&of, ends[0], number & 1, head, 4, rand_r(seed) % 4 ? 0 : 5000000,
             rand_r(seed) % 4 ? 0 : 50000000, "viewer", number % 5 ? "one of many" : "fifth");
    pthread_create(thread, NULL, viewer_thread, (void *)(intptr_t)ends[1]);
    return 1;
}

int main(void) {
    static pthread_t viewers[MAX_VIEWERS];
    pthread_t thread;
    unsigned seed = 1;
    int count = 0, dismissed = 0;
    if (pump_open(&of, 200000000, 50000000, 10000000) < 0)
        return 1;
    of.channel_count = 2;
    pthread_create(&thread, NULL, pump_thread, NULL);
    for (int number = 0; number < PICTURES; number++) {
        if (number & 1)
            publish_frame(number, &seed);
        else
            publish(number >> 1, &seed);
        if (number % 3 == 0 && count < MAX_VIEWERS)
            count += join(number, &viewers[count], &seed);
        if (number % 500 == 499)
            pump_end(&of, number & 1);
        if (number % 30 == 0)
            dismissed += pump_dismiss(&of, number & 1, number % 60 ? "fifth" : NULL);
        pump_read_stats(&of);
        viewer_stats told[8];
        pump_read_viewers(&of, told, 8);
        if (number % 7 == 0)
            usleep(500);
    }
    for (int i = 0; i < count; i++)
        pthread_join(viewers[i], NULL);
    pump_stop(&of);
    pthread_join(thread, NULL);
    pump_stats stats = pump_read_stats(&of);
    give_back(pump_close(&of));
    printf("%d viewers, %llu opened, %llu pictures, %ld left\n", count,
           (unsigned long long)stats.opened, (unsigned long long)stats.frames,
           stats.viewers);
    return stats.viewers != 0 || stats.opened != (uint64_t)count || stats.frames == 0 ||
           dismissed < 50 || dismissed > count;
}
