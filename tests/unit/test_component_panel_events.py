# Tests of what the timelapse panels are told.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes as moonraker-timelapse's, and the orders that Mainsail and Fluidd need."""

from __future__ import annotations

from typing import Any

import pytest

from moonraker_prusacam.component.panel_events import (
    MAX_MESSAGE,
    NO_REASON,
    PanelEvents,
    message,
)


def frame(file: Any, status: str = "success") -> dict[str, Any]:
    return {"event": "frame", "status": status, "framecount": 1, "framefile": file}


def newframe(count: int, file: str, status: str = "success") -> dict[str, Any]:
    return {
        "action": "newframe",
        "frame": str(count),
        "framefile": file,
        "status": status,
    }


def render(status: str, **more: Any) -> dict[str, Any]:
    return {"event": "render", "status": status, **more}


@pytest.fixture
def panel() -> PanelEvents:
    return PanelEvents()


def test_frame_when_taken_then_name_passes_and_count_is_its_number(
    panel: PanelEvents,
) -> None:
    assert panel.last_frame == {"framecount": 0, "lastframefile": ""}
    for number, file in ((1, "frame000001.jPG"), (12, "frame000012.jPG")):
        assert panel.translate(frame(file)) == [newframe(number, file)]
    assert panel.last_frame == {"framecount": 12, "lastframefile": "frame000012.jPG"}


@pytest.mark.parametrize(
    "file",
    [
        None,
        7,
        "",
        "frame.jpg",
        "frame000009",
        "../frame000009.jpg",
        "sub/frame000009.jpg",
        "frame000009.jpg?v=2",
        "frame000009.jpg\n",
        "frame\u0661.jpg",
    ],
)
def test_frame_when_failed_or_misnamed_then_the_last_good_one_is_named(
    panel: PanelEvents, file: object
) -> None:
    panel.translate(frame("frame000003.jpg"))
    last = newframe(3, "frame000003.jpg", "error")
    assert panel.translate(frame(file, "error")) == [last]
    assert panel.translate(frame(file)) == [newframe(3, "frame000003.jpg")]


def test_render_when_it_succeeds_then_shapes_are_upstreams(panel: PanelEvents) -> None:
    panel.translate(frame("frame000009.jpg"))
    settings = {"framerate": 30, "crf": 23, "pixelformat": "yuv420p"}
    told = [
        event
        for params in (
            render("started", framecount=9, settings={**settings, "path": "/x"}),
            render("running", progress=11.7),
            render(
                "success",
                framecount=9,
                filename="a.mp4",
                printfile="parts/a.gcode",
                previewimage="a.jpg",
                msg="The video is ready: a.mp4",
            ),
        )
        for event in panel.translate(params)
    ]
    assert told == [
        {
            "action": "render",
            "status": "started",
            "framecount": "9",
            "settings": settings,
        },
        {"action": "render", "status": "running", "progress": 0},
        {"action": "render", "status": "running", "progress": 11},
        {
            "action": "render",
            "status": "success",
            "framecount": "9",
            "filename": "a.mp4",
            "printfile": "parts/a.gcode",
            "previewimage": "a.jpg",
            "msg": "The video is ready: a.mp4",
        },
    ]
    assert not panel.rendering


@pytest.mark.parametrize("status", ["error", "skipped"])
def test_render_when_it_fails_then_the_last_good_frame_follows(
    panel: PanelEvents, status: str
) -> None:
    panel.translate(frame("frame000004.jpg"))
    panel.translate(render("started"))
    text = "ffmpeg: /var/lib/x y/job/frame000002.jpg: Invalid data"
    assert panel.translate(render(status, msg=text)) == [
        {"action": "render", "status": status, "msg": message(text)},
        newframe(4, "frame000004.jpg"),
    ]
    assert panel.engine_lost() == []


def test_engine_when_lost_in_a_render_then_panels_are_unlocked(
    panel: PanelEvents,
) -> None:
    assert panel.engine_lost() == []
    panel.translate(frame("frame000004.jpg"))
    panel.translate(render("running", progress=5))
    error, unlock = panel.engine_lost()
    assert (error["action"], error["status"]) == ("render", "error")
    assert unlock == newframe(4, "frame000004.jpg")
    assert panel.engine_lost() == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"event": "recording"},
        {"event": "frame"},
        {"event": "frame", "status": "maybe"},
        {"event": "render", "status": None},
        {"event": ["render"], "status": "error"},
    ],
)
def test_translate_when_the_event_is_another_then_nothing(
    panel: PanelEvents, params: dict[str, Any]
) -> None:
    assert panel.translate(params) == []


@pytest.mark.parametrize(
    ("progress", "shown"),
    [(-1, 0), (0, 0), (99.9, 99), (400, 100), (None, 0), ("7", 0), (float("nan"), 0)],
)
def test_progress_when_anything_then_is_a_percentage(
    panel: PanelEvents, progress: object, shown: int
) -> None:
    (event,) = panel.translate(render("running", progress=progress))
    assert event["progress"] == shown


def test_refresh_when_engine_knows_more_then_is_told_once(panel: PanelEvents) -> None:
    status = {"framecount": 7, "lastframefile": "frame000007.JPG", "rendering": False}
    assert panel.refresh(status) == [newframe(7, "frame000007.JPG")]
    assert panel.refresh(status) == []
    assert panel.refresh(None) == []
    assert panel.refresh({"framecount": 0, "lastframefile": ""}) == [newframe(0, "")]
    assert panel.last_frame == {"framecount": 0, "lastframefile": ""}


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("No space left", "No space left"),
        ("two\nlines", "two lines"),
        ("cannot open /home/pi/tl/a.mp4", "cannot open a.mp4"),
        ("'/tmp/x/y.jpg' is empty", "'y.jpg' is empty"),
        ("~/a/b: no", "b: no"),
        ("3/10 frames", "3/10 frames"),
        ("", NO_REASON),
        (None, NO_REASON),
        (["x"], NO_REASON),
    ],
)
def test_message_when_any_reason_then_is_short_and_without_folders(
    reason: object, shown: str
) -> None:
    assert message(reason) == shown


def test_message_when_endless_then_is_cut() -> None:
    assert len(message("ffmpeg -i " * 200)) == MAX_MESSAGE
