/* What the C programs of the benchmarks share.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Clock, arguments of the form name=value, sockets of 127.0.0.1, and the tag that each
 * frame carries (frames.py makes it).
 */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* SOI, COM with the tag's text, the picture, COM with the sequence again, EOI. */
enum { TEXT_AT = 6, TEXT_BYTES = 72, END_TEXT_BYTES = 14, END_BYTES = 4 + 14 + 2 };

struct tag {
    unsigned long long seq;
    long long sent_ns; /* CLOCK_MONOTONIC */
    unsigned size_bytes;
    unsigned long long sum;
};

static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline const char *option(char **argv, const char *name, const char *fallback)
{
    size_t length = strlen(name);
    for (char **at = argv + 1; *at; at++)
        if (!strncmp(*at, name, length) && (*at)[length] == '=')
            return *at + length + 1;
    return fallback;
}

static inline double number(char **argv, const char *name, double fallback)
{
    const char *text = option(argv, name, NULL);
    return text ? atof(text) : fallback;
}

/* Whatever goes wrong, the program ends. */
static inline void bound_lifetime(unsigned seconds)
{
    alarm(seconds);
    signal(SIGPIPE, SIG_IGN);
}

static inline void make_nonblocking(int fd)
{
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        die("fcntl");
}

static inline int connect_loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    return fd;
}

static inline void watch(int poller, int action, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(poller, action, fd, &event) < 0)
        die("epoll_ctl");
}

/* The value of Content-Length in a head of `size` bytes; -1: there is none. */
static inline long content_length(const char *head, size_t size)
{
    static const char name[] = "\nContent-Length:";
    for (size_t at = 0; at + sizeof name - 1 < size; at++)
        if (!strncasecmp(head + at, name, sizeof name - 1))
            return atol(head + at + sizeof name - 1);
    return -1;
}

/* Fletcher's two sums over 32-bit words: fast, and it sees moved bytes. */
static inline uint64_t checksum(const char *data, size_t size)
{
    uint64_t first = 0, second = 0;
    uint32_t word;
    for (size_t at = 0; at + 4 <= size; at += 4) {
        memcpy(&word, data + at, 4);
        first += word;
        second += first;
    }
    return first ^ second << 1;
}

static inline bool read_tag(const char *jpeg, size_t size, struct tag *tag)
{
    char text[TEXT_BYTES + 1] = "";
    if (size < TEXT_AT + TEXT_BYTES || memcmp(jpeg, "\xff\xd8\xff\xfe", 4))
        return false;
    memcpy(text, jpeg + TEXT_AT, TEXT_BYTES);
    return sscanf(text, "seq=%llu ns=%lld size=%u sum=%llx", &tag->seq, &tag->sent_ns,
                  &tag->size_bytes, &tag->sum) == 4;
}

/* Whether the picture is the one that its tag tells of, from end to end. */
static inline bool is_whole(const char *jpeg, size_t size, const struct tag *tag)
{
    const char *picture = jpeg + TEXT_AT + TEXT_BYTES;
    const char *end = jpeg + size - END_BYTES;
    char text[END_TEXT_BYTES + 1] = "";
    unsigned long long seq;
    if (size != tag->size_bytes || end < picture)
        return false;
    memcpy(text, end + 4, END_TEXT_BYTES);
    return sscanf(text, "end=%llu", &seq) == 1 && seq == tag->seq
        && !memcmp(end + 4 + END_TEXT_BYTES, "\xff\xd9", 2)
        && checksum(picture, end - picture) == tag->sum;
}

#endif
