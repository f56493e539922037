/* Asks for snapshots as fast as they come, over connections that are kept.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     snapshot_client port=N path=/snapshot.jpg connections=16 warmup_s=0.2 seconds=1
 *
 * Prints "begin" after the warm-up, and one line of JSON at the end. The first answer
 * of each connection is checked from end to end; the bodies of the others are thrown
 * away in the kernel, so that the server is what limits the rate.
 */
#include "loopback.h"

enum {
    MAX_CONNECTIONS = 256,
    HEAD_BYTES = 8192,
    BODY_BYTES = 8 << 20,
    MAX_REQUESTS = 1 << 18,
    LIFETIME_S = 60,
};

struct connection {
    int fd;
    bool is_checked;
    int64_t asked_ns;
    size_t received; /* bytes of `head` */
    long body_bytes; /* -1: the head is not all there */
    long left;
    char head[HEAD_BYTES];
    char *body; /* only of the first answer */
};

static struct connection connections[MAX_CONNECTIONS];
static int64_t latencies_ns[MAX_REQUESTS];
static long requests, errors;
static unsigned long long bytes;
static char request[512];

static void ask(struct connection *connection)
{
    size_t size = strlen(request);
    connection->received = 0;
    connection->body_bytes = -1;
    connection->asked_ns = now_ns();
    if (send(connection->fd, request, size, 0) != (ssize_t)size)
        die("send");
}

static bool take_head(struct connection *connection)
{
    ssize_t size = recv(connection->fd, connection->head + connection->received,
                        HEAD_BYTES - connection->received, 0);
    if (size < 0 && errno == EAGAIN)
        return false;
    if (size <= 0)
        die("the server closed a connection");
    connection->received += size;
    char *end = memmem(connection->head, connection->received, "\r\n\r\n", 4);
    if (!end)
        return false;
    size_t head_bytes = end + 4 - connection->head;
    size_t here = connection->received - head_bytes;
    connection->body_bytes = content_length(connection->head, head_bytes);
    if (connection->body_bytes < (long)here || connection->body_bytes > BODY_BYTES
        || strncmp(connection->head + 9, "200", 3)) {
        fprintf(stderr, "%.*s\n", (int)head_bytes, connection->head);
        exit(1);
    }
    connection->left = connection->body_bytes - here;
    if (!connection->is_checked)
        memcpy(connection->body, end + 4, here);
    return true;
}

static bool take_body(struct connection *connection)
{
    while (connection->left > 0) {
        bool throws_away = connection->is_checked;
        char *at = connection->body + connection->body_bytes - connection->left;
        ssize_t size = recv(connection->fd, throws_away ? NULL : at, connection->left,
                            throws_away ? MSG_TRUNC : 0);
        if (size < 0 && errno == EAGAIN)
            return false;
        if (size <= 0)
            die("the server closed a connection");
        connection->left -= size;
    }
    return true;
}

static void end_answer(struct connection *connection, bool counts)
{
    struct tag tag;
    if (counts && requests < MAX_REQUESTS) {
        latencies_ns[requests++] = now_ns() - connection->asked_ns;
        bytes += connection->body_bytes;
    }
    if (!connection->is_checked) {
        const char *body = connection->body;
        size_t size = connection->body_bytes;
        if (!read_tag(body, size, &tag) || !is_whole(body, size, &tag))
            errors++;
        connection->is_checked = true;
        free(connection->body);
        connection->body = NULL;
    }
}

static void report(double seconds)
{
    printf("{\"requests\":%ld,\"bytes\":%llu,\"errors\":%ld,\"seconds\":%.6f,"
           "\"latencies_ns\":[",
           requests, bytes, errors, seconds);
    for (long i = 0; i < requests; i++)
        printf("%s%lld", i ? "," : "", (long long)latencies_ns[i]);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    struct epoll_event events[MAX_CONNECTIONS];
    int count = number(argv, "connections", 16);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (argc < 2 || count > MAX_CONNECTIONS)
        return 2;
    bound_lifetime(LIFETIME_S);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: printer\r\n\r\n",
             option(argv, "path", "/"));
    for (int i = 0; i < count; i++) {
        struct connection *connection = &connections[i];
        connection->fd = connect_loopback(number(argv, "port", 0));
        connection->body = malloc(BODY_BYTES);
        if (!connection->body)
            die("malloc");
        ask(connection);
        make_nonblocking(connection->fd);
        watch(poller, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
    }
    int64_t begin_ns = now_ns() + (int64_t)(number(argv, "warmup_s", 0.2) * 1e9);
    int64_t end_ns = begin_ns + (int64_t)(number(argv, "seconds", 1) * 1e9);
    bool has_begun = false;
    int64_t time_ns;
    while ((time_ns = now_ns()) < end_ns && requests < MAX_REQUESTS) {
        if (!has_begun && time_ns >= begin_ns) {
            has_begun = true;
            begin_ns = time_ns;
            printf("begin\n");
            fflush(stdout);
        }
        int64_t until_ns = has_begun ? end_ns : begin_ns;
        int ready = epoll_wait(poller, events, MAX_CONNECTIONS,
                               (int)((until_ns - time_ns) / 1000000 + 1));
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->body_bytes < 0 && !take_head(connection))
                continue;
            if (!take_body(connection))
                continue;
            end_answer(connection, has_begun);
            ask(connection);
        }
    }
    report((time_ns - begin_ns) / 1e9);
    return 0;
}
