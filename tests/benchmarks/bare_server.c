/* The floor: what any server costs that sends these bytes over loopback.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One thread, epoll, one prebuilt buffer; of a request only the end is looked for.
 *
 *     bare_server mode=snapshot body=FILE
 *     bare_server mode=stream head=FILE body=FILE fps=30
 *
 * Prints its port. As a snapshot server it answers each request with the body and keeps
 * the connection; as a stream server it answers with the head, and sends the body to
 * every connection that has room, fps times a second.
 */
#include "loopback.h"

#include <sys/timerfd.h>

enum { MAX_CONNECTIONS = 1024, REQUEST_BYTES = 8192, EVENTS = 64, LIFETIME_S = 900 };

struct buffer {
    char *data;
    size_t size;
};

struct connection {
    int fd;
    bool is_open, is_waiting, is_streaming;
    size_t requested; /* bytes of `request` that hold an unfinished one */
    char request[REQUEST_BYTES];
    const char *unsent;
    size_t unsent_bytes;
};

static struct connection connections[MAX_CONNECTIONS];
static struct buffer head, body;
static bool is_stream;
static int poller;

static struct buffer read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die(path);
    struct buffer buffer = {.size = ftell(file)};
    rewind(file);
    buffer.data = malloc(buffer.size);
    if (!buffer.data || fread(buffer.data, 1, buffer.size, file) != buffer.size)
        die(path);
    fclose(file);
    return buffer;
}

static void close_connection(struct connection *connection)
{
    close(connection->fd);
    connection->is_open = false;
}

static void send_rest(struct connection *connection)
{
    int fd = connection->fd;
    ssize_t sent = send(fd, connection->unsent, connection->unsent_bytes, 0);
    if (sent < 0 && errno != EAGAIN) {
        close_connection(connection);
        return;
    }
    if (sent > 0) {
        connection->unsent += sent;
        connection->unsent_bytes -= sent;
    }
    bool must_wait = connection->unsent_bytes > 0;
    if (must_wait != connection->is_waiting)
        watch(poller, EPOLL_CTL_MOD, fd, EPOLLIN | (must_wait ? EPOLLOUT : 0),
              connection);
    connection->is_waiting = must_wait;
}

static void send_buffer(struct connection *connection, struct buffer buffer)
{
    connection->unsent = buffer.data;
    connection->unsent_bytes = buffer.size;
    send_rest(connection);
}

static void take_request(struct connection *connection)
{
    ssize_t size = recv(connection->fd, connection->request + connection->requested,
                        REQUEST_BYTES - connection->requested, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        close_connection(connection);
        return;
    }
    connection->requested += size;
    if (!memmem(connection->request, connection->requested, "\r\n\r\n", 4))
        return;
    connection->requested = 0;
    connection->is_streaming = is_stream;
    send_buffer(connection, is_stream ? head : body);
}

static void accept_all(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[fd] = (struct connection){.fd = fd, .is_open = true};
        watch(poller, EPOLL_CTL_ADD, fd, EPOLLIN, &connections[fd]);
    }
}

static void send_parts(int timer)
{
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0)
        return;
    for (int fd = 0; fd < MAX_CONNECTIONS; fd++) {
        struct connection *connection = &connections[fd];
        bool is_idle = connection->is_streaming && !connection->unsent_bytes;
        if (connection->is_open && is_idle)
            send_buffer(connection, body);
    }
}

static int listen_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0
        || listen(listener, 128) < 0
        || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static int start_timer(double fps)
{
    struct timespec interval = {.tv_nsec = (long)(1e9 / fps)};
    struct itimerspec every = {.it_value = interval, .it_interval = interval};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0)
        die("timerfd");
    return timer;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int timer = -1;
    if (argc < 3)
        return 2;
    bound_lifetime(LIFETIME_S);
    is_stream = !strcmp(option(argv, "mode", ""), "stream");
    body = read_whole(option(argv, "body", ""));
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (is_stream) {
        head = read_whole(option(argv, "head", ""));
        timer = start_timer(number(argv, "fps", 30));
        watch(poller, EPOLL_CTL_ADD, timer, EPOLLIN, &timer);
    }
    int listener = listen_loopback();
    watch(poller, EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            void *source = events[i].data.ptr;
            if (source == &listener) {
                accept_all(listener);
            } else if (source == &timer) {
                send_parts(timer);
            } else {
                struct connection *connection = source;
                if (connection->is_open && events[i].events & EPOLLOUT)
                    send_rest(connection);
                if (connection->is_open && events[i].events & ~EPOLLOUT)
                    take_request(connection);
            }
        }
    }
}
