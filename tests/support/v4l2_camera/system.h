/* The system's own functions, where the camera takes their place.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PRUSACAM_TEST_SYSTEM_H
#define PRUSACAM_TEST_SYSTEM_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

static inline int refuse(int error)
{
    errno = error;
    return -1;
}

static inline void wait_ms(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

/* The address of the system's own function. */
static inline void *system_call(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        die(name);
    return found;
}

static inline int system_open(const char *path, int flags, mode_t mode)
{
    static int (*call)(const char *, int, ...);
    if (!call)
        call = (int (*)(const char *, int, ...))system_call("open");
    return call(path, flags, mode);
}

static inline int system_close(int fd)
{
    static int (*call)(int);
    if (!call)
        call = (int (*)(int))system_call("close");
    return call(fd);
}

static inline void *system_mmap(void *address, size_t size, int protection, int flags,
                                int fd, off_t offset)
{
    static void *(*call)(void *, size_t, int, int, int, off_t);
    if (!call)
        call = (void *(*)(void *, size_t, int, int, int, off_t))system_call("mmap");
    return call(address, size, protection, flags, fd, offset);
}

#endif
