/* Viewers of a stream: healthy ones, slow ones, and stalled ones that never read.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     viewers port=N path=/stream.mjpg healthy=2 slow=4 slow_rate=1500000 stalled=20
 *             warmup_s=1 windows=5 window_s=3 format=parts
 *
 * Prints "begin" after the warm-up, and one line of JSON at the end of each window.
 * format=parts takes multipart, and looks at each part's tag and checksum;
 * format=untagged takes multipart of anything; format=raw takes JPEGs back to back and
 * no HTTP, as the feeder sends them.
 */
#include "loopback.h"

enum {
    MAX_VIEWERS = 256,
    BUFFER_BYTES = 1 << 20,
    MAX_SAMPLES = 1 << 17,
    TICK_MS = 5,
    LIFETIME_S = 300,
};

enum group_name { HEALTHY, SLOW, STALLED, GROUPS };
static const char *const group_names[GROUPS] = {"healthy", "slow", "stalled"};

static struct group {
    int viewers;
    long frames, lost, torn, reordered, repeated, closed;
    unsigned long long bytes;
    long samples;
    int64_t latencies_ns[MAX_SAMPLES];
} groups[GROUPS];

static struct viewer {
    int fd; /* -1: closed */
    struct group *group;
    size_t filled;
    long body_bytes; /* -1: the part's head is not all there */
    unsigned long long last_seq;
    double credit_bytes;
    char *buffer;
} viewers[MAX_VIEWERS];

static int viewer_count;
static bool is_raw, is_tagged;

static void leave(struct viewer *viewer)
{
    close(viewer->fd);
    viewer->fd = -1;
    viewer->group->closed++;
}

static void count_frame(struct viewer *viewer, int64_t time_ns)
{
    struct group *group = viewer->group;
    struct tag tag;
    group->frames++;
    if (!is_tagged)
        return;
    if (!read_tag(viewer->buffer, viewer->body_bytes, &tag)
        || !is_whole(viewer->buffer, viewer->body_bytes, &tag)) {
        group->torn++;
        return;
    }
    if (tag.seq == viewer->last_seq) {
        group->repeated++;
        return;
    }
    if (tag.seq < viewer->last_seq)
        group->reordered++;
    else if (viewer->last_seq)
        group->lost += tag.seq - viewer->last_seq - 1;
    viewer->last_seq = tag.seq;
    if (group->samples < MAX_SAMPLES)
        group->latencies_ns[group->samples++] = time_ns - tag.sent_ns;
}

static void drop_front(struct viewer *viewer, size_t size)
{
    viewer->filled -= size;
    memmove(viewer->buffer, viewer->buffer + size, viewer->filled);
}

/* Find the size of the body that comes next; false: not known yet. */
static bool take_head(struct viewer *viewer)
{
    struct tag tag;
    if (is_raw) {
        if (viewer->filled < TEXT_AT + TEXT_BYTES)
            return false;
        if (!read_tag(viewer->buffer, viewer->filled, &tag)) {
            viewer->group->torn++;
            leave(viewer);
            return false;
        }
        viewer->body_bytes = tag.size_bytes;
        return true;
    }
    char *end = memmem(viewer->buffer, viewer->filled, "\r\n\r\n", 4);
    if (!end)
        return false;
    size_t size = end + 4 - viewer->buffer;
    viewer->body_bytes = content_length(viewer->buffer, size);
    drop_front(viewer, size);
    return true;
}

static void take_frames(struct viewer *viewer, int64_t time_ns)
{
    while (viewer->fd >= 0) {
        if (viewer->body_bytes < 0 && !take_head(viewer))
            return;
        if (viewer->body_bytes > BUFFER_BYTES) {
            viewer->group->torn++;
            leave(viewer);
            return;
        }
        /* A head without a length is that of the answer. */
        if (viewer->body_bytes < 0)
            continue;
        if ((long)viewer->filled < viewer->body_bytes)
            return;
        count_frame(viewer, time_ns);
        drop_front(viewer, viewer->body_bytes);
        viewer->body_bytes = -1;
    }
}

static ssize_t receive(struct viewer *viewer, size_t most)
{
    size_t room = BUFFER_BYTES - viewer->filled;
    size_t wanted = most < room ? most : room;
    ssize_t size = recv(viewer->fd, viewer->buffer + viewer->filled, wanted, 0);
    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size <= 0) {
        leave(viewer);
        return 0;
    }
    viewer->filled += size;
    viewer->group->bytes += size;
    take_frames(viewer, now_ns());
    return size;
}

static void open_viewer(struct group *group, int port, const char *request, int poller)
{
    if (viewer_count == MAX_VIEWERS)
        die("too many viewers");
    struct viewer *viewer = &viewers[viewer_count++];
    ssize_t size = strlen(request);
    viewer->group = group;
    viewer->body_bytes = -1;
    viewer->fd = connect_loopback(port);
    viewer->buffer = malloc(BUFFER_BYTES);
    if (!viewer->buffer || (!is_raw && send(viewer->fd, request, size, 0) != size))
        die("open");
    make_nonblocking(viewer->fd);
    /* A stalled viewer learns of its end only by a reset. */
    if (group == &groups[HEALTHY])
        watch(poller, EPOLL_CTL_ADD, viewer->fd, EPOLLIN, viewer);
    else if (group == &groups[STALLED])
        watch(poller, EPOLL_CTL_ADD, viewer->fd, 0, viewer);
}

static void open_viewers(char **argv, int poller)
{
    char request[512];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: printer\r\n\r\n",
             option(argv, "path", "/"));
    for (int name = 0; name < GROUPS; name++) {
        struct group *group = &groups[name];
        group->viewers = number(argv, group_names[name], 0);
        for (int i = 0; i < group->viewers; i++)
            open_viewer(group, number(argv, "port", 0), request, poller);
    }
}

static void pace_slow(double rate, double elapsed_s)
{
    double most = rate * TICK_MS * 4e-3; /* what was not there is not caught up with */
    for (struct viewer *viewer = viewers; viewer < viewers + viewer_count; viewer++) {
        if (viewer->fd < 0 || viewer->group != &groups[SLOW])
            continue;
        viewer->credit_bytes += rate * elapsed_s;
        if (viewer->credit_bytes > most)
            viewer->credit_bytes = most;
        viewer->credit_bytes -= receive(viewer, (size_t)viewer->credit_bytes);
    }
}

static void begin_window(void)
{
    for (struct group *group = groups; group < groups + GROUPS; group++) {
        group->frames = group->lost = group->torn = group->reordered = 0;
        group->repeated = group->samples = 0;
        group->bytes = 0;
    }
}

static void report(double seconds)
{
    printf("{\"seconds\":%.6f", seconds);
    for (int name = 0; name < GROUPS; name++) {
        struct group *group = &groups[name];
        printf(",\"%s\":{\"frames\":%ld,\"lost\":%ld,\"torn\":%ld,\"reordered\":%ld,"
               "\"repeated\":%ld,\"closed\":%ld,\"bytes\":%llu,\"latencies_ns\":[",
               group_names[name], group->frames, group->lost, group->torn,
               group->reordered, group->repeated, group->closed, group->bytes);
        for (long i = 0; i < group->samples; i++)
            printf("%s%lld", i ? "," : "", (long long)group->latencies_ns[i]);
        printf("]}");
    }
    printf("}\n");
    fflush(stdout);
}

/* Serve the viewers until a time; returns the time at which that was. */
static int64_t serve_until(int poller, int64_t end_ns, double slow_rate)
{
    struct epoll_event events[MAX_VIEWERS];
    int64_t time_ns, paced_ns = now_ns();
    while ((time_ns = now_ns()) < end_ns) {
        int wait_ms = (int)((end_ns - time_ns) / 1000000 + 1);
        if (groups[SLOW].viewers && wait_ms > TICK_MS)
            wait_ms = TICK_MS;
        int ready = epoll_wait(poller, events, MAX_VIEWERS, wait_ms);
        for (int i = 0; i < ready; i++) {
            struct viewer *viewer = events[i].data.ptr;
            if (viewer->group == &groups[STALLED])
                leave(viewer);
            else
                receive(viewer, BUFFER_BYTES);
        }
        if (groups[SLOW].viewers) {
            time_ns = now_ns();
            pace_slow(slow_rate, (time_ns - paced_ns) / 1e9);
            paced_ns = time_ns;
        }
    }
    return time_ns;
}

int main(int argc, char **argv)
{
    const char *format = option(argv, "format", "parts");
    double slow_rate = number(argv, "slow_rate", 1.5e6);
    int windows = number(argv, "windows", 1);
    int64_t window_ns = (int64_t)(number(argv, "window_s", 1) * 1e9);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (argc < 2)
        return 2;
    bound_lifetime(LIFETIME_S);
    is_raw = !strcmp(format, "raw");
    is_tagged = strcmp(format, "untagged");
    open_viewers(argv, poller);
    int64_t begin_ns = now_ns() + (int64_t)(number(argv, "warmup_s", 1) * 1e9);
    begin_ns = serve_until(poller, begin_ns, slow_rate);
    begin_window();
    printf("begin\n");
    fflush(stdout);
    for (int i = 0; i < windows; i++) {
        int64_t end_ns = serve_until(poller, begin_ns + window_ns, slow_rate);
        report((end_ns - begin_ns) / 1e9);
        begin_window();
        begin_ns = end_ns;
    }
    return 0;
}
