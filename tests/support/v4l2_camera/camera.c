/* A V4L2 camera where there is none: preloaded, it answers the calls of a program that
 * opens CAMERA_DEVICE, as a USB camera with buffers to map would.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     CAMERA_DEVICE=/any/path CAMERA_JPEG=FILE LD_PRELOAD=v4l2_camera ustreamer …
 *
 * Every picture of a compressed format is that JPEG. With CAMERA_STATE=FILE, a file of
 * numbers (state.h) tells what happens to the camera, and what was done with
 * it; v4l2_camera.py is its other end. A Python process can also load this library and
 * call camera_open and the like in place of the system's functions.
 *
 * Behaves as the kernel's uvcvideo and videobuf2 do: open() succeeds many times, but only
 * one handle has the stream, and S_FMT tells the others EBUSY; a picture that finds no
 * free buffer is lost; after an unplugging every call of the old handles fails with
 * ENODEV, for ever.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controls.h"
#include "formats.h"
#include "state.h"
#include "stream.h"
#include "system.h"

enum { HANDLES = 8 };

static handle_t handles[HANDLES];

static void load(void)
{
    if (state)
        return;
    const char *name = getenv("CAMERA_STATE");
    state = own_state;
    state[IS_PLUGGED] = 1;
    state[FAILING_CALL] = -1;
    if (name) {
        int fd = system_open(name, O_RDWR | O_CLOEXEC, 0);
        state = fd < 0 ? MAP_FAILED
                       : system_mmap(NULL, STATES * sizeof *state, PROT_READ | PROT_WRITE,
                                     MAP_SHARED, fd, 0);
        if (state == MAP_FAILED)
            die(name);
        system_close(fd);
    }
    name = getenv("CAMERA_JPEG");
    FILE *file = name ? fopen(name, "rb") : NULL;
    stream.picture = malloc(BUFFER_BYTES);
    stream.memory = memfd_create("camera", MFD_CLOEXEC);
    if (!stream.picture || stream.memory < 0
        || ftruncate(stream.memory, (off_t)BUFFERS * BUFFER_BYTES) < 0)
        die("the camera");
    stream.buffers = system_mmap(NULL, (size_t)BUFFERS * BUFFER_BYTES,
                                 PROT_READ | PROT_WRITE, MAP_SHARED, stream.memory, 0);
    if (stream.buffers == MAP_FAILED)
        die("the camera");
    if (file) {
        stream.picture_bytes = fread(stream.picture, 1, BUFFER_BYTES, file);
        fclose(file);
    }
}

static int tell_capability(struct v4l2_capability *capability)
{
    static const unsigned of[] = {
        [METADATA] = V4L2_CAP_META_CAPTURE,
        [DISPLAY] = V4L2_CAP_VIDEO_OUTPUT,
        [SENSOR] = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_IO_MC,
        [MULTIPLANAR] = V4L2_CAP_VIDEO_CAPTURE_MPLANE,
    };
    int kind = state[KIND];
    memset(capability, 0, sizeof *capability);
    strcpy((char *)capability->driver, kind < SENSOR ? "uvcvideo" : "unicam");
    strcpy((char *)capability->card, "Emulated: HD Camera");
    strcpy((char *)capability->bus_info,
           kind < SENSOR ? "usb-0000:01:00.0-1.2" : "platform:fe801000.csi");
    capability->version = 6 << 16;
    capability->device_caps
        = V4L2_CAP_STREAMING | (kind < METADATA ? V4L2_CAP_VIDEO_CAPTURE : of[kind]);
    /* Of the whole device, so also of the nodes beside this one. */
    capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS
                               | (kind <= METADATA ? V4L2_CAP_VIDEO_CAPTURE
                                                         | V4L2_CAP_META_CAPTURE
                                                   : 0);
    return 0;
}

static int tell_input(struct v4l2_input *input)
{
    if (input->index)
        return refuse(EINVAL);
    memset(input, 0, sizeof *input);
    strcpy((char *)input->name, "Camera 1");
    input->type = V4L2_INPUT_TYPE_CAMERA;
    return 0;
}

static int answer(handle_t *handle, unsigned request, void *argument)
{
    bool has_stream = !stream.owner || stream.owner == handle;
    bool is_busy = state[IS_BUSY] || !has_stream;
    switch (request) {
    case VIDIOC_QUERYCAP:
        return tell_capability(argument);
    case VIDIOC_ENUM_FMT:
        return tell_formats(argument);
    case VIDIOC_ENUM_FRAMESIZES:
        return tell_sizes(argument);
    case VIDIOC_ENUM_FRAMEINTERVALS:
        return tell_intervals(argument);
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT:
        if (((struct v4l2_format *)argument)->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
            return refuse(EINVAL);
        if (request == VIDIOC_G_FMT) {
            tell_format(&((struct v4l2_format *)argument)->fmt.pix);
            return 0;
        }
        if (is_busy || stream.owner)
            return refuse(EBUSY);
        set_format(&((struct v4l2_format *)argument)->fmt.pix);
        return 0;
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
        if (is_busy && request == VIDIOC_S_PARM)
            return refuse(EBUSY);
        return set_rate(argument, request == VIDIOC_S_PARM);
    case VIDIOC_QUERY_EXT_CTRL:
        return query_control(argument);
    case VIDIOC_QUERYMENU:
        return query_menu(argument);
    case VIDIOC_G_CTRL:
    case VIDIOC_S_CTRL:
        return use_control(argument, request == VIDIOC_S_CTRL);
    case VIDIOC_G_EXT_CTRLS:
    case VIDIOC_S_EXT_CTRLS:
        return use_controls(argument, request == VIDIOC_S_EXT_CTRLS);
    case VIDIOC_G_INPUT:
        *(int *)argument = 0;
        return 0;
    case VIDIOC_S_INPUT:
        return 0;
    case VIDIOC_ENUMINPUT:
        return tell_input(argument);
    case VIDIOC_REQBUFS:
        return is_busy ? refuse(EBUSY) : request_buffers(handle, argument);
    }
    if (!stream.owner || !has_stream)
        return refuse(EINVAL);
    switch (request) {
    case VIDIOC_QUERYBUF:
        tell_buffer(argument);
        return 0;
    case VIDIOC_QBUF:
        return give_buffer(argument);
    case VIDIOC_DQBUF:
        return take_buffer(argument);
    case VIDIOC_STREAMON:
        return start();
    case VIDIOC_STREAMOFF:
        stop();
        return 0;
    default:
        return refuse(EINVAL);
    }
}

/* With the lock held; NULL: the descriptor is somebody else's. */
static handle_t *handle_of(int fd)
{
    for (int i = 0; fd > 0 && i < HANDLES; i++)
        if (handles[i].fd == fd)
            return &handles[i];
    return NULL;
}

/* What open() of the device does. */
int camera_open(void)
{
    pthread_mutex_lock(&lock);
    load();
    int delay_ms = state[DELAY_MS];
    pthread_mutex_unlock(&lock);
    wait_ms(delay_ms);
    pthread_mutex_lock(&lock);
    handle_t *handle = handles;
    while (handle->fd)
        if (++handle == handles + HANDLES)
            die("too many handles of the camera");
    int error = state[FAILING_CALL] == -2 ? state[FAILING_ERRNO]
                : state[IS_PLUGGED]       ? 0
                                          : ENOENT;
    if (!error) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
            die("the camera");
        handle->fd = ends[0];
        handle->writer = ends[1];
        handle->generation = state[GENERATION];
        state[OPENED]++;
        forget_values();
        if (!format || !is_kind(format)) {
            struct v4l2_pix_format pixels = {0};
            if (format_at(0))
                set_format(&pixels);
        }
    }
    pthread_mutex_unlock(&lock);
    return error ? refuse(error) : handle->fd;
}

/* Whether it was the camera's. */
int camera_close(int fd)
{
    pthread_mutex_lock(&lock);
    handle_t *handle = handle_of(fd);
    if (handle) {
        if (stream.owner == handle) {
            stop();
            stream.owner = NULL;
        }
        hang_up(handle);
        handle->fd = 0;
        state[CLOSED]++;
        system_close(fd);
    }
    pthread_mutex_unlock(&lock);
    return handle != NULL;
}

/* The memory of the buffers; -1: the descriptor is somebody else's. */
int camera_memory(int fd)
{
    pthread_mutex_lock(&lock);
    int memory = handle_of(fd) ? stream.memory : -1;
    pthread_mutex_unlock(&lock);
    return memory;
}

/* The answer to a request; -2: the descriptor is somebody else's. */
int camera_ioctl(int fd, unsigned request, void *argument)
{
    pthread_mutex_lock(&lock);
    handle_t *handle = handle_of(fd);
    int delay_ms = handle && (request == VIDIOC_S_FMT || request == VIDIOC_STREAMON
                              || request == VIDIOC_STREAMOFF)
                       ? state[DELAY_MS]
                       : 0;
    int result = -2;
    if (handle && handle->generation != state[GENERATION])
        result = refuse(ENODEV);
    else if (handle && state[FAILING_CALL] == (int)_IOC_NR(request))
        result = refuse(state[FAILING_ERRNO]);
    else if (handle)
        result = answer(handle, request, argument);
    int error = errno;
    pthread_mutex_unlock(&lock);
    wait_ms(delay_ms);
    errno = error;
    return result;
}

/* --- in place of the system's, where this is preloaded ---------------------------------- */

static int any_open(const char *path, int flags, mode_t mode)
{
    const char *device = getenv("CAMERA_DEVICE");
    return device && !strcmp(path, device) ? camera_open()
                                           : system_open(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return any_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return any_open(path, flags, mode);
}

int close(int fd)
{
    return camera_close(fd) ? 0 : system_close(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*call)(int, unsigned long, ...);
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int result = camera_ioctl(fd, (unsigned)request, argument);
    if (result != -2)
        return result;
    if (!call)
        call = (int (*)(int, unsigned long, ...))system_call("ioctl");
    return call(fd, request, argument);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    int memory = camera_memory(fd);
    return system_mmap(address, size, protection, flags, memory < 0 ? fd : memory, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return mmap(address, size, protection, flags, fd, offset);
}
