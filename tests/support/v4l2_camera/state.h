/* What happens to the camera, and what was done with it.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PRUSACAM_TEST_STATE_H
#define PRUSACAM_TEST_STATE_H

#include <pthread.h>

enum { CONTROLS = 13 };

/* The numbers of CAMERA_STATE. What the test sets: */
enum state {
    GENERATION, /* goes up with each plugging in */
    IS_PLUGGED,
    IS_BUSY, /* another program has the stream */
    KIND,
    HAS_OLD_NAMES, /* controls are called as before Linux 5.16 */
    IS_FROZEN,     /* it streams, but no picture comes */
    DAMAGED_EACH,  /* one picture in so many has the error flag; 0: none */
    EMPTY_EACH,    /* likewise: has no bytes */
    FAILING_CALL,  /* the number of a request that fails; -1: none; -2: open() */
    FAILING_ERRNO,
    DELAY_MS, /* of open(), S_FMT, STREAMON and STREAMOFF */
    /* What it tells: */
    OPENED,
    CLOSED,
    STARTED,
    STOPPED,
    GIVEN, /* pictures that a buffer was there for */
    LOST,  /* and those for which none was */
    WIDTH,
    HEIGHT,
    FPS,
    VALUES_GENERATION, /* whose defaults the values below are */
    VALUES,            /* of the controls, in the order of `controls` */
    STATES = VALUES + CONTROLS
};

enum kind {
    WEBCAM,        /* MJPG and YUYV, of a few sizes */
    RAW_ONLY,      /* YUYV */
    H264_ONLY,
    STEPWISE,      /* MJPG of any size and rate */
    DEPTH,         /* distances, no colours */
    METADATA,      /* the second node of a webcam */
    DISPLAY,       /* shows pictures, gives none */
    SENSOR,        /* of a board's camera pipeline: Bayer pixels */
    MULTIPLANAR    /* likewise: an image processor */
};

/* Protects the state and all else. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int own_state[STATES];
static _Atomic int *state;

#endif
