/* A camera for ustreamer, where there is no V4L2 device: preloaded, it answers the calls
 * of a program that opens CAMERA_DEVICE, as an MJPEG camera with buffers to map would.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     CAMERA_DEVICE=/any/path CAMERA_JPEG=FILE LD_PRELOAD=v4l2_camera ustreamer …
 *
 * The picture comes 30 times a second, 1080p whatever was asked for. To fill a buffer is
 * the one thing that a real device would do without the processor.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS = 4, BUFFER_BYTES = 1 << 20, WIDTH = 1920, HEIGHT = 1080, FPS = 30 };

static struct {
    int fd; /* a timer, readable when a picture is due; 0: not opened */
    char *picture;
    size_t picture_bytes;
    char *buffers;
    unsigned queue[BUFFERS]; /* a ring of the free buffers */
    unsigned taken, given;
} camera;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_camera(void)
{
    const char *name = getenv("CAMERA_JPEG");
    FILE *file = name ? fopen(name, "rb") : NULL;
    struct timespec interval = {.tv_nsec = 1000000000 / FPS};
    struct itimerspec every = {.it_value = interval, .it_interval = interval};
    camera.picture = malloc(BUFFER_BYTES);
    camera.buffers = malloc((size_t)BUFFERS * BUFFER_BYTES);
    camera.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (!file || !camera.picture || !camera.buffers || camera.fd < 0
        || timerfd_settime(camera.fd, 0, &every, NULL) < 0)
        die("the camera");
    camera.picture_bytes = fread(camera.picture, 1, BUFFER_BYTES, file);
    fclose(file);
    return camera.fd;
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

static int take_picture(struct v4l2_buffer *buffer)
{
    uint64_t expirations;
    struct timespec now;
    if (camera.taken == camera.given
        || read(camera.fd, &expirations, sizeof expirations) < 0)
        return refuse(EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->index = camera.queue[camera.taken % BUFFERS];
    buffer->sequence = camera.taken++;
    buffer->bytesused = camera.picture_bytes;
    buffer->flags = 0;
    buffer->timestamp.tv_sec = now.tv_sec;
    buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    memcpy(camera.buffers + (size_t)buffer->index * BUFFER_BYTES, camera.picture,
           camera.picture_bytes);
    return 0;
}

static void tell_buffer(struct v4l2_buffer *buffer)
{
    buffer->length = BUFFER_BYTES;
    buffer->m.offset = buffer->index * BUFFER_BYTES;
}

static int answer(unsigned request, void *argument)
{
    struct v4l2_capability *capability = argument;
    struct v4l2_pix_format *format = &((struct v4l2_format *)argument)->fmt.pix;
    struct v4l2_captureparm *rate = &((struct v4l2_streamparm *)argument)->parm.capture;
    struct v4l2_requestbuffers *buffers = argument;
    struct v4l2_buffer *buffer = argument;
    switch (request) {
    case VIDIOC_QUERYCAP:
        memset(capability, 0, sizeof *capability);
        capability->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    case VIDIOC_S_FMT:
        format->width = WIDTH;
        format->height = HEIGHT;
        format->pixelformat = V4L2_PIX_FMT_MJPEG;
        format->bytesperline = 0;
        format->sizeimage = BUFFER_BYTES;
        return 0;
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
        rate->capability = V4L2_CAP_TIMEPERFRAME;
        rate->timeperframe = (struct v4l2_fract){1, FPS};
        return 0;
    case VIDIOC_REQBUFS:
        if (buffers->count > BUFFERS)
            buffers->count = BUFFERS;
        camera.taken = camera.given = 0;
        return 0;
    case VIDIOC_QUERYBUF:
        tell_buffer(buffer);
        return 0;
    case VIDIOC_QBUF:
        if (camera.given - camera.taken == BUFFERS)
            return refuse(EINVAL);
        camera.queue[camera.given++ % BUFFERS] = buffer->index;
        return 0;
    case VIDIOC_DQBUF:
        return take_picture(buffer);
    case VIDIOC_S_INPUT:
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        return 0;
    default:
        return refuse(EINVAL);
    }
}

int open(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    const char *device = getenv("CAMERA_DEVICE");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (device && !strcmp(path, device))
        return open_camera();
    if (!next)
        next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    return next(path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*next)(int, unsigned long, ...);
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (camera.fd && fd == camera.fd)
        return answer((unsigned)request, argument);
    if (!next)
        next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return next(fd, request, argument);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);
    if (camera.fd && fd == camera.fd)
        return camera.buffers + offset;
    if (!next)
        next = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
    return next(address, size, protection, flags, fd, offset);
}

int munmap(void *address, size_t size)
{
    static int (*next)(void *, size_t);
    char *at = address;
    if (camera.buffers && at >= camera.buffers
        && at < camera.buffers + (size_t)BUFFERS * BUFFER_BYTES)
        return 0;
    if (!next)
        next = (int (*)(void *, size_t))dlsym(RTLD_NEXT, "munmap");
    return next(address, size);
}
