# Options of the timelapse.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[timelapse]`` and ``[track NAME]`` of prusacam.conf as frozen objects."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - attrs resolves it

import attrs

from .option import boolean, choice, integer, number, option, path, template, text

TRIGGERS = ("auto", "macro", "layer", "interval")
STYLES = ("smart", "plain")
ENDINGS = ("render", "keep", "discard")
KEEP_FAILED = ("like_others", "always")
LEAST_KEEP_DAYS, MOST_KEEP_DAYS = 0.01, 36500.0
CAPTION_FIELDS = ("file", "layer", "layers", "percent", "elapsed", "date", "time")
TARGETS = ("back_left", "back_right", "front_left", "front_right", "center", "auto")


def keep_failed(value: str) -> str | float:
    """``like_others``, ``always``, or a number of days from 0.01 to 36500."""
    if value.lower() in KEEP_FAILED:
        return value.lower()
    try:
        return number(LEAST_KEEP_DAYS, MOST_KEEP_DAYS)(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is not one of: {', '.join(KEEP_FAILED)}, or a number of days "
            f"from {LEAST_KEEP_DAYS:g} to {MOST_KEEP_DAYS:g}"
        ) from None


@attrs.frozen
class TrackConfig:
    """``[track NAME]``: one more video of each print, by another camera or trigger."""

    name: str = ""
    camera: str | None = option(
        text, "Which camera records", default=None, unset="the first one"
    )
    trigger: str = option(
        choice(*TRIGGERS),
        "What takes a frame: `macro`, `layer` (the layer that Klipper "
        "reports), `auto` (the layer until a macro is seen), or `interval`",
        default="auto",
    )
    style: str = option(
        choice(*STYLES),
        "`smart`: of all frames of a layer the one with the head nearest to "
        "the target, without parking; `plain`: the frame at the trigger",
        default="smart",
    )
    target: str = option(
        choice(*TARGETS),
        "Where the head is best seen, for `smart`; `auto`: where it was in "
        "the frame before",
        default="back_left",
    )
    interval_s: float = option(
        number(0.5, 3600),
        "Seconds between frames, for the trigger `interval`",
        default=30.0,
        name="interval",
    )
    start: str = option(
        choice("first_layer", "print"),
        "When an interval begins: `first_layer`, or `print`, with the "
        "heating before it",
        default="first_layer",
    )
    frame_delay_s: float = option(
        number(0, 5),
        "How long the camera's picture lags: a frame is taken so many seconds later",
        default=0.05,
        name="frame_delay",
    )
    rotation: int | None = option(
        choice(0, 90, 180, 270),
        "How the video is turned, in degrees clockwise; with this or a flip, "
        "the camera's own are not used",
        default=None,
        unset="the camera's",
    )
    flip_horizontal: bool | None = option(
        boolean, "The video is mirrored", default=None, unset="the camera's"
    )
    flip_vertical: bool | None = option(
        boolean, "The video is turned upside down", default=None, unset="the camera's"
    )
    caption: str | None = option(
        template(*CAPTION_FIELDS),
        "What is written on the pictures, see below",
        default=None,
    )
    progress_bar: bool = option(
        boolean, "Draw how much of the print is done, at the lower edge", default=False
    )
    inset: str | None = option(
        text, "A second camera, shown small in a corner of the video", default=None
    )
    inset_place: str = option(
        choice("top_left", "top_right", "bottom_left", "bottom_right"),
        "That corner",
        default="top_right",
    )
    inset_width: float = option(
        number(5, 60), "Percent of the video's width that the inset takes", default=30.0
    )


@attrs.frozen
class TimelapseConfig(TrackConfig):
    """``[timelapse]``: the first track, and what all tracks have in common."""

    enabled: bool = option(
        boolean,
        "Record every print; with `False`, those that a macro asks for",
        default=True,
    )
    gaps: str = option(
        choice("repeat", "skip"),
        "What stands for a frame that the camera did not give: `repeat`, "
        "the one before or else the one after, or `skip`",
        default="repeat",
    )
    fps: float = option(number(1, 120), "Frames a second of the video", default=30.0)
    target_length_s: float = option(
        number(0, 3600),
        "Seconds that a video should last, between `min_fps` and `max_fps`; "
        "0: by `fps`",
        default=0.0,
        name="target_length",
    )
    min_fps: float = option(
        number(1, 120), "Least frames a second for `target_length`", default=5.0
    )
    max_fps: float = option(
        number(1, 120), "Most frames a second for `target_length`", default=60.0
    )
    hold_s: float = option(
        number(0, 60),
        "Seconds for which the last frame stays",
        default=0.0,
        name="hold",
    )
    crf: float = option(
        number(0, 51), "Quality of the video; lower is better and larger", default=23.8
    )
    preview_image: bool = option(
        boolean, "A picture beside each video, for file lists", default=True
    )
    font: Path | None = option(
        path,
        "The font file of captions",
        default=None,
        unset="found in the usual places",
    )
    encoder: str = option(
        choice("libx264", "auto"),
        "`auto`: the host's video hardware, where a test finds its pictures "
        "right and it quicker than libx264",
        default="libx264",
    )
    auto_render: bool = option(
        boolean, "Render when a print is over; else when it is asked for", default=True
    )
    render_on_cancel: str = option(
        choice(*ENDINGS),
        "What becomes of a print that was cancelled: `render`, `keep` (it "
        "waits until it is rendered or discarded by hand), or `discard`",
        default="render",
    )
    render_on_error: str = option(
        choice(*ENDINGS),
        "The same for a print that ended by an error, or was interrupted",
        default="render",
    )
    save_frames: bool = option(
        boolean, "Keep the JPEGs of a print beside its video, as a ZIP", default=False
    )
    reserve_mb: int = option(
        integer(0, 1 << 20),
        "Megabytes that stay free on the disk; 0: 500, or 5 % if that is more",
        default=0,
    )
    keep_days: float = option(
        number(0, MOST_KEEP_DAYS),
        "Days after which a video is removed; 0: never",
        default=0.0,
    )
    keep_videos: int = option(
        integer(0, 1 << 20), "How many videos are kept at most; 0: all", default=0
    )
    keep_mb: int = option(
        integer(0, 1 << 30), "Megabytes of videos at most; 0: any", default=0
    )
    keep_free_mb: int = option(
        integer(0, 1 << 30),
        "Megabytes of free disk that the oldest videos make way for; 0: none",
        default=0,
    )
    keep_failed: str | float = option(
        keep_failed,
        "Videos of prints that were not completed: `like_others`, `always`, "
        "or the days after which they are removed",
        default="like_others",
    )
    klippy_socket: Path | None = option(
        path,
        "Klipper's API socket, for the motion of the head; read only",
        default=None,
        unset="`<data_path>/comms/klippy.sock`",
    )
    ffmpeg: Path | None = option(
        path, "The ffmpeg to use", default=None, unset="found on `PATH`"
    )
    output_path: Path | None = option(
        path, "Where videos appear", default=None, unset="`<data_path>/timelapse`"
    )
    jobs_path: Path | None = option(
        path,
        "Where frames are kept while a print runs; on the file system of `output_path`",
        default=None,
        unset="`<data_path>/prusacam/jobs`",
    )
