/* Formats, sizes and rates of each kind of camera.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PRUSACAM_TEST_FORMATS_H
#define PRUSACAM_TEST_FORMATS_H

#include <errno.h>
#include <linux/videodev2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "state.h"
#include "system.h"

enum { COMPRESSED_BYTES = 8 << 20 };

typedef struct size_t_ {
    unsigned width, height, fps[5]; /* the fastest first, 0 ends */
} camera_size_t;

typedef struct format_t {
    uint32_t fourcc;
    const char *name;
    unsigned kinds; /* bits */
    camera_size_t sizes[5];
} camera_format_t;

static const camera_format_t formats[] = {
    {V4L2_PIX_FMT_YUYV, "YUYV 4:2:2", 1 << WEBCAM | 1 << RAW_ONLY,
     {{640, 480, {30, 15}}, {1280, 720, {10, 5}}}},
    {V4L2_PIX_FMT_MJPEG, "Motion-JPEG", 1 << WEBCAM,
     {{640, 480, {60, 30, 15, 5}}, {1920, 1080, {30, 15, 5}}, {1280, 720, {30, 15, 10}},
      {800, 600, {30}}}},
    {V4L2_PIX_FMT_MJPEG, "Motion-JPEG", 1 << STEPWISE, {{0}}},
    {V4L2_PIX_FMT_H264, "H.264", 1 << H264_ONLY, {{1280, 720, {30, 15}}}},
    {V4L2_PIX_FMT_Z16, "16-bit Depth", 1 << DEPTH, {{640, 480, {30}}}},
    {V4L2_PIX_FMT_SRGGB10P, "10-bit Bayer RGRG", 1 << SENSOR, {{1640, 1232, {30}}}},
};
enum { FORMATS = sizeof formats / sizeof *formats };

/* What STEPWISE has. */
static const struct v4l2_frmsize_stepwise steps = {64, 2592, 32, 48, 1944, 8};
enum { SLOWEST_FPS = 10, FASTEST_FPS = 90 };

static const camera_format_t *format;

static inline bool is_kind(const camera_format_t *candidate)
{
    return candidate->kinds & 1u << state[KIND];
}

/* The format of that place among those of the kind; NULL: there are fewer. */
static inline const camera_format_t *format_at(unsigned index)
{
    for (int i = 0; i < FORMATS; i++)
        if (is_kind(&formats[i]) && !index--)
            return &formats[i];
    return NULL;
}

static inline const camera_format_t *format_of(uint32_t fourcc)
{
    for (int i = 0; i < FORMATS; i++)
        if (is_kind(&formats[i]) && formats[i].fourcc == fourcc)
            return &formats[i];
    return NULL;
}

static inline bool is_compressed(const camera_format_t *candidate)
{
    return candidate->fourcc == V4L2_PIX_FMT_MJPEG
           || candidate->fourcc == V4L2_PIX_FMT_H264;
}

static inline const camera_size_t *size_of(const camera_format_t *of, unsigned width,
                                           unsigned height)
{
    for (const camera_size_t *size = of->sizes; size->width; size++)
        if (size->width == width && size->height == height)
            return size;
    return NULL;
}

static inline unsigned distance(unsigned one, unsigned other)
{
    return one > other ? one - other : other - one;
}

static inline unsigned stepped(unsigned wanted, unsigned least, unsigned most,
                               unsigned step)
{
    unsigned bounded = wanted < least ? least : wanted > most ? most : wanted;
    return least + (bounded - least) / step * step;
}

static inline size_t image_bytes(void)
{
    return is_compressed(format) ? COMPRESSED_BYTES
                                 : (size_t)state[WIDTH] * state[HEIGHT] * 2;
}

static inline void tell_format(struct v4l2_pix_format *pixels)
{
    memset(pixels, 0, sizeof *pixels);
    pixels->width = state[WIDTH];
    pixels->height = state[HEIGHT];
    pixels->pixelformat = format->fourcc;
    pixels->field = V4L2_FIELD_NONE;
    pixels->sizeimage = image_bytes();
    pixels->bytesperline = is_compressed(format) ? 0 : state[WIDTH] * 2;
}

static inline void set_format(struct v4l2_pix_format *pixels)
{
    format = format_of(pixels->pixelformat);
    if (!format)
        format = format_at(0);
    const camera_size_t *nearest = &format->sizes[0];
    for (const camera_size_t *size = nearest; size->width; size++)
        if (distance(size->width, pixels->width) + distance(size->height, pixels->height)
            < distance(nearest->width, pixels->width)
                  + distance(nearest->height, pixels->height))
            nearest = size;
    state[WIDTH] = nearest->width ? nearest->width
                                  : stepped(pixels->width, steps.min_width,
                                            steps.max_width, steps.step_width);
    state[HEIGHT] = nearest->width ? nearest->height
                                   : stepped(pixels->height, steps.min_height,
                                             steps.max_height, steps.step_height);
    state[FPS] = nearest->width ? nearest->fps[0] : 30;
    tell_format(pixels);
}

static inline int tell_formats(struct v4l2_fmtdesc *description)
{
    const camera_format_t *found = format_at(description->index);
    if (!found || description->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return refuse(EINVAL);
    description->pixelformat = found->fourcc;
    description->flags = is_compressed(found) ? V4L2_FMT_FLAG_COMPRESSED : 0;
    strncpy((char *)description->description, found->name,
            sizeof description->description - 1);
    return 0;
}

static inline int tell_sizes(struct v4l2_frmsizeenum *query)
{
    const camera_format_t *found = format_of(query->pixel_format);
    if (!found || query->index > 4)
        return refuse(EINVAL);
    if (state[KIND] == STEPWISE) {
        query->type = V4L2_FRMSIZE_TYPE_STEPWISE;
        query->stepwise = steps;
        return query->index ? refuse(EINVAL) : 0;
    }
    const camera_size_t *size = &found->sizes[query->index];
    query->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    query->discrete.width = size->width;
    query->discrete.height = size->height;
    return size->width ? 0 : refuse(EINVAL);
}

static inline int tell_intervals(struct v4l2_frmivalenum *query)
{
    const camera_format_t *found = format_of(query->pixel_format);
    if (!found || query->index > 4)
        return refuse(EINVAL);
    if (state[KIND] == STEPWISE) {
        query->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
        query->stepwise.min = (struct v4l2_fract){1, FASTEST_FPS};
        query->stepwise.max = (struct v4l2_fract){1, SLOWEST_FPS};
        query->stepwise.step = (struct v4l2_fract){1, 1};
        return query->index ? refuse(EINVAL) : 0;
    }
    const camera_size_t *size = size_of(found, query->width, query->height);
    if (!size || !size->fps[query->index])
        return refuse(EINVAL);
    query->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    /* As uvcvideo counts them: in units of 100 ns. */
    query->discrete = (struct v4l2_fract){10000000 / size->fps[query->index], 10000000};
    return 0;
}

static inline int set_rate(struct v4l2_streamparm *rate, bool is_set)
{
    struct v4l2_fract *time = &rate->parm.capture.timeperframe;
    if (is_set && time->numerator) {
        unsigned wanted = (time->denominator + time->numerator / 2) / time->numerator;
        const camera_size_t *size = size_of(format, state[WIDTH], state[HEIGHT]);
        unsigned nearest = size ? size->fps[0] : wanted;
        for (int i = 0; size && i < 5 && size->fps[i]; i++)
            if (distance(size->fps[i], wanted) < distance(nearest, wanted))
                nearest = size->fps[i];
        state[FPS] = size                     ? nearest
                     : wanted < SLOWEST_FPS ? SLOWEST_FPS
                     : wanted > FASTEST_FPS ? FASTEST_FPS
                                            : wanted;
    }
    rate->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    *time = (struct v4l2_fract){1, state[FPS]};
    return 0;
}

#endif
