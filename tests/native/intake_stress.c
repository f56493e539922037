/* An intake's thread against a camera that sends and leaves, an owner that looks, and a
 * sink that comes and goes; for ThreadSanitizer and AddressSanitizer. Ends with status 0
 * and one line of counters when all is well.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "intake.h"

#include <sys/socket.h>

#define CONNECTIONS 40
#define IMAGES 100
#define MAX_ENTROPY_BYTES 60000

static const uint8_t HEAD[] = {
    0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0, /* SOI, SOF */
    0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0x3F, 0                        /* SOS */
};

static intake_t of;
static atomic_ulong shown;

static void *intake_thread(void *unused)
{
    intake_run(&of);
    return unused;
}

static void *camera_thread(void *argument)
{
    int fd = (int)(intptr_t)argument;
    unsigned seed = (unsigned)fd;
    uint8_t image[sizeof HEAD + MAX_ENTROPY_BYTES + 2];
    memcpy(image, HEAD, sizeof HEAD);
    for (int number = 0; number < IMAGES; number++) {
        size_t entropy = 1 + (size_t)rand_r(&seed) % MAX_ENTROPY_BYTES;
        memset(image + sizeof HEAD, number, entropy);
        image[sizeof HEAD + entropy] = 0xFF;
        image[sizeof HEAD + entropy + 1] = 0xD9;
        size_t size = sizeof HEAD + entropy + 2;
        if (send(fd, image, size, MSG_NOSIGNAL) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void show(void *context, frame_t *frame, int64_t expires_ns)
{
    (void)expires_ns;
    atomic_fetch_add((atomic_ulong *)context, frame->data[sizeof HEAD] < IMAGES);
}

static unsigned look(void)
{
    unsigned seen = 0;
    intake_times_t times[INTAKE_RECENT_FRAMES];
    frame_t *frame = intake_newest(&of, 0);
    if (frame != NULL)
        frame_release(frame);
    while ((frame = intake_dequeue(&of)) != NULL) {
        seen++;
        frame_release(frame);
    }
    intake_want_next(&of, 0);
    intake_recent(&of, times);
    framer_told(of.framer);
    return seen;
}

/* Serve one camera; every third time the owner lets go before the camera does. */
static unsigned connect_once(int number)
{
    int ends[2], error;
    int64_t heard_ns;
    pthread_t threads[2];
    unsigned seen = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || intake_begin(&of, ends[0]) < 0)
        exit(1);
    pthread_create(&threads[0], NULL, intake_thread, NULL);
    pthread_create(&threads[1], NULL, camera_thread, (void *)(intptr_t)ends[1]);
    for (int turn = 0; !intake_is_ended(&of, &error, &heard_ns); turn++) {
        seen += look();
        if (turn % 50 == 0)
            intake_follow(&of, (frame_sink_t){show, &shown}, 1);
        else if (turn % 50 == 25)
            intake_unfollow(&of);
        intake_want_all(&of, turn / 100 % 2);
        if (number % 3 == 0 && turn == 200)
            break;
    }
    intake_end(&of);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    framer_reset(of.framer);
    return seen;
}

int main(void)
{
    framer_t framer;
    unsigned seen = 0;
    if (!framer_init(&framer, 1 << 20, 64, NULL, 0, (framer_strip_t){.thumbnails = true})
        || intake_init(&of, &framer) < 0)
        return 1;
    for (int number = 0; number < CONNECTIONS; number++)
        seen += connect_once(number);
    uint64_t frames = framer.scan.frames, published = of.published;
    intake_close(&of);
    framer_close(&framer);
    printf("%d connections, %llu frames, %llu published, %lu shown, %u seen\n", CONNECTIONS,
           (unsigned long long)frames, (unsigned long long)published,
           (unsigned long)atomic_load(&shown), seen);
    return frames == 0 || frames != published || atomic_load(&shown) == 0;
}
