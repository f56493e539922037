/* A webcam's controls.
 *
 * Copyright (C) 2026 moonraker-prusacam contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PRUSACAM_TEST_CONTROLS_H
#define PRUSACAM_TEST_CONTROLS_H

#include <errno.h>
#include <linux/videodev2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "state.h"
#include "system.h"

typedef struct control_t {
    uint32_t id;
    uint32_t type;
    const char *name, *old_name;
    int least, most, step, standard;
    uint32_t flags;
    uint32_t automatic; /* the control that rules this one, */
    int manual;         /* unless it has this value */
    const char *items[4];
} camera_control_t;

static const camera_control_t controls[CONTROLS] = {
    {V4L2_CID_USER_CLASS, V4L2_CTRL_TYPE_CTRL_CLASS, "User Controls", NULL, 0, 0, 0, 0,
     V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_WRITE_ONLY, 0, 0, {0}},
    {V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, "Brightness", NULL, -64, 64, 1, 0, 0, 0,
     0, {0}},
    {V4L2_CID_AUTO_WHITE_BALANCE, V4L2_CTRL_TYPE_BOOLEAN, "White Balance, Automatic",
     "White Balance Temperature, Auto", 0, 1, 1, 1, 0, 0, 0, {0}},
    {V4L2_CID_POWER_LINE_FREQUENCY, V4L2_CTRL_TYPE_MENU, "Power Line Frequency", NULL, 0,
     2, 1, 1, 0, 0, 0, {"Disabled", "50 Hz", "60 Hz"}},
    {V4L2_CID_WHITE_BALANCE_TEMPERATURE, V4L2_CTRL_TYPE_INTEGER,
     "White Balance Temperature", NULL, 2800, 6500, 10, 4600, 0,
     V4L2_CID_AUTO_WHITE_BALANCE, 0, {0}},
    {V4L2_CID_DO_WHITE_BALANCE, V4L2_CTRL_TYPE_BUTTON, "Do White Balance", NULL, 0, 0, 0,
     0, V4L2_CTRL_FLAG_WRITE_ONLY, 0, 0, {0}},
    {V4L2_CID_CAMERA_CLASS, V4L2_CTRL_TYPE_CTRL_CLASS, "Camera Controls", NULL, 0, 0, 0, 0,
     V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_WRITE_ONLY, 0, 0, {0}},
    {V4L2_CID_EXPOSURE_AUTO, V4L2_CTRL_TYPE_MENU, "Auto Exposure", "Exposure, Auto", 0, 3,
     1, 3, 0, 0, 0, {NULL, "Manual Mode", NULL, "Aperture Priority Mode"}},
    {V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CTRL_TYPE_INTEGER, "Exposure Time, Absolute",
     "Exposure (Absolute)", 3, 2047, 1, 250, 0, V4L2_CID_EXPOSURE_AUTO, 1, {0}},
    {V4L2_CID_FOCUS_ABSOLUTE, V4L2_CTRL_TYPE_INTEGER, "Focus, Absolute",
     "Focus (absolute)", 0, 250, 5, 0, 0, V4L2_CID_FOCUS_AUTO, 0, {0}},
    {V4L2_CID_FOCUS_AUTO, V4L2_CTRL_TYPE_BOOLEAN, "Focus, Automatic Continuous",
     "Focus, Auto", 0, 1, 1, 1, 0, 0, 0, {0}},
    {V4L2_CID_PRIVACY, V4L2_CTRL_TYPE_BOOLEAN, "Privacy", NULL, 0, 1, 1, 0,
     V4L2_CTRL_FLAG_READ_ONLY, 0, 0, {0}},
    {V4L2_CID_CAMERA_CLASS_BASE + 99, V4L2_CTRL_TYPE_STRING, "Serial Number", NULL, 0, 31,
     1, 0, V4L2_CTRL_FLAG_HAS_PAYLOAD, 0, 0, {0}},
};

static inline const camera_control_t *control_of(uint32_t id)
{
    for (int i = 0; i < CONTROLS; i++)
        if (controls[i].id == id)
            return &controls[i];
    return NULL;
}

static inline _Atomic int *value_of(const camera_control_t *control)
{
    return &state[VALUES + (control - controls)];
}

static inline bool is_inactive(const camera_control_t *control)
{
    const camera_control_t *automatic = control_of(control->automatic);
    return automatic && *value_of(automatic) != control->manual;
}

static inline int query_control(struct v4l2_query_ext_ctrl *query)
{
    const camera_control_t *found = NULL;
    uint32_t id = query->id & ~(uint32_t)(V4L2_CTRL_FLAG_NEXT_CTRL
                                          | V4L2_CTRL_FLAG_NEXT_COMPOUND);
    for (int i = 0; i < CONTROLS; i++) {
        const camera_control_t *control = &controls[i];
        bool is_it = id == query->id
                         ? control->id == id
                         : control->id > id && (!found || control->id < found->id);
        if (is_it)
            found = control;
    }
    if (!found)
        return refuse(EINVAL);
    memset(query, 0, sizeof *query);
    query->id = found->id;
    query->type = found->type;
    const char *name = state[HAS_OLD_NAMES] && found->old_name ? found->old_name
                                                               : found->name;
    strncpy(query->name, name, sizeof query->name - 1);
    query->minimum = found->least;
    query->maximum = found->most;
    query->step = found->step;
    query->default_value = found->standard;
    query->flags = found->flags | (is_inactive(found) ? V4L2_CTRL_FLAG_INACTIVE : 0);
    query->elem_size = sizeof(int32_t);
    query->elems = 1;
    return 0;
}

static inline int query_menu(struct v4l2_querymenu *query)
{
    const camera_control_t *control = control_of(query->id);
    if (!control || control->type != V4L2_CTRL_TYPE_MENU || query->index > 3
        || !control->items[query->index])
        return refuse(EINVAL);
    strncpy((char *)query->name, control->items[query->index], sizeof query->name - 1);
    return 0;
}

static inline int set_control(uint32_t id, int *value)
{
    const camera_control_t *control = control_of(id);
    if (!control)
        return refuse(EINVAL);
    if (control->flags & V4L2_CTRL_FLAG_READ_ONLY || is_inactive(control))
        return refuse(EACCES);
    if (control->type == V4L2_CTRL_TYPE_MENU
        && (*value < 0 || *value > 3 || !control->items[*value]))
        return refuse(EINVAL);
    if (control->type == V4L2_CTRL_TYPE_INTEGER) {
        int bounded = *value < control->least  ? control->least
                      : *value > control->most ? control->most
                                               : *value;
        *value = control->least
                 + (bounded - control->least) / control->step * control->step;
    }
    *value_of(control) = *value;
    return 0;
}

static inline int use_controls(struct v4l2_ext_controls *list, bool is_set)
{
    for (unsigned i = 0; i < list->count; i++) {
        const camera_control_t *control = control_of(list->controls[i].id);
        int value = list->controls[i].value;
        list->error_idx = i;
        if (is_set && set_control(list->controls[i].id, &value) < 0)
            return -1;
        if (!control || (!is_set && control->flags & V4L2_CTRL_FLAG_WRITE_ONLY))
            return refuse(control ? EACCES : EINVAL);
        if (control->type == V4L2_CTRL_TYPE_STRING)
            strncpy(list->controls[i].string, "E-1", list->controls[i].size);
        else
            list->controls[i].value = is_set ? value : *value_of(control);
    }
    return 0;
}

static inline int use_control(struct v4l2_control *one, bool is_set)
{
    struct v4l2_ext_control control = {.id = one->id, .value = one->value};
    struct v4l2_ext_controls list = {.count = 1, .controls = &control};
    int result = use_controls(&list, is_set);
    one->value = control.value;
    return result;
}

/* A new camera has forgotten what the old one was told. */
static inline void forget_values(void)
{
    if (state[VALUES_GENERATION] == state[GENERATION] + 1)
        return;
    state[VALUES_GENERATION] = state[GENERATION] + 1;
    for (int i = 0; i < CONTROLS; i++)
        state[VALUES + i] = controls[i].standard;
}

#endif
