# Which figure of the status is which metric.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row for each path in the status; ``*`` stands for a place in a list or a key.

Names follow Prometheus' own advice (Metric and label naming): base units, their name at
the end, ``_total`` for what only rises. ``omitted`` names what is no metric.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moonraker_prusacam.camera.state import CameraState
from moonraker_prusacam.connect.printer.reporter import Contact
from moonraker_prusacam.connect.prusa_camera.job import Phase
from moonraker_prusacam.connect.report import UploadState
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.timelapse import JobState

from .multicam import MULTICAM
from .row import Kind, Row, counter, gauge, info, state, under

if TYPE_CHECKING:
    from collections.abc import Callable

MILLI = 1e-3


def _lost(reason: str) -> Row:
    told = "Frames that the camera sent and nobody got"
    return counter("prusacam_camera_frames_lost", told, labels={"reason": reason})


def _latency(stage: str, percentile: str) -> Row:
    return gauge(
        "prusacam_camera_latency_seconds",
        "From a frame's first byte to its last (receive), from there to a viewer's "
        "socket (deliver); of the newest frames",
        labels={"stage": stage, "percentile": percentile},
        scale=MILLI,
    )


ENGINE = {
    "version": info("prusacam_info", "The engine, and which twins are in use"),
    "scanner": info("prusacam_info", ""),
    "intake": info("prusacam_info", ""),
    "pump": info("prusacam_info", ""),
    "uptime_s": gauge("prusacam_uptime_seconds", "Since the engine began"),
    "viewers": gauge("prusacam_viewers", "Open streams"),
    "max_viewers": gauge("prusacam_viewers_limit", "Open streams at once, at most"),
    "viewers_stalled": counter(
        "prusacam_viewers_stalled", "Streams that were closed since nobody read them"
    ),
    "stream_bytes": counter("prusacam_stream_bytes", "Sent to viewers of streams"),
}

CAMERA = {
    "source": info("prusacam_camera_info", "How a camera is configured"),
    "rotation": info("prusacam_camera_info", ""),
    "flip_horizontal": info("prusacam_camera_info", ""),
    "flip_vertical": info("prusacam_camera_info", ""),
    "state": state("prusacam_camera_state", "1 for the state of now", CameraState),
    "since": gauge("prusacam_camera_state_timestamp_seconds", "When that state began"),
    "last_frame": gauge(
        "prusacam_camera_last_frame_timestamp_seconds", "When the newest frame came"
    ),
    "age_ms": gauge(
        "prusacam_camera_frame_age_seconds", "Age of the newest frame", scale=MILLI
    ),
    "fps": gauge("prusacam_camera_frames_per_second", "Frames that arrive"),
    "fps_out": gauge(
        "prusacam_camera_sent_frames_per_second", "Frames to all viewers together"
    ),
    "target_fps": gauge(
        "prusacam_camera_target_frames_per_second", "What viewers are told to expect"
    ),
    "width": gauge("prusacam_camera_width_pixels", "Of the newest frame"),
    "height": gauge("prusacam_camera_height_pixels", "Of the newest frame"),
    "frames": counter("prusacam_camera_frames", "Whole frames that came"),
    "truncated": _lost("truncated"),
    "oversize": _lost("oversize"),
    "malformed": _lost("malformed"),
    "without_memory": _lost("without_memory"),
    "not_taken": _lost("not_taken"),
    "connects": counter("prusacam_camera_connects", "How often it was connected to"),
    "attempt.age_s": gauge(
        "prusacam_camera_attempt_age_seconds", "Since the newest connection was begun"
    ),
    "attempt.is_over": gauge(
        "prusacam_camera_attempt_over", "1 when that connection has ended"
    ),
    "attempt.stages_ms.*": gauge(
        "prusacam_camera_attempt_stage_seconds",
        "How long each stage of that connection took",
        scale=MILLI,
    ),
    "consumers": gauge("prusacam_camera_consumers", "Who needs its frames now"),
    "latency_ms.receive.p50": _latency("receive", "50"),
    "latency_ms.receive.p99": _latency("receive", "99"),
    "latency_ms.deliver.p50": _latency("deliver", "50"),
    "latency_ms.deliver.p99": _latency("deliver", "99"),
    "memory.bytes": gauge("prusacam_camera_memory_bytes", "Taken by frames"),
    "memory.peak_bytes": gauge("prusacam_camera_memory_peak_bytes", "The most so far"),
    "memory.limit_bytes": gauge("prusacam_camera_memory_limit_bytes", "At most"),
    "memory.frames": gauge("prusacam_camera_memory_frames", "Frames in memory"),
    "viewers": gauge("prusacam_camera_viewers", "Open streams of this camera"),
}

VIEWER = {
    "fps": gauge("prusacam_viewer_frames_per_second", "What a viewer gets"),
    "frames": gauge("prusacam_viewer_frames", "What a viewer got since it came"),
    "skipped": gauge(
        "prusacam_viewer_skipped_frames", "Newer ones went in their place"
    ),
    "bytes": gauge("prusacam_viewer_bytes", "What a viewer got since it came"),
    "age_s": gauge(
        "prusacam_viewer_age_seconds", "Since the (oldest) viewer came", largest=True
    ),
}

JOB = {
    "state": state("prusacam_timelapse_state", "1 for the state of now", JobState),
    "frames": gauge("prusacam_timelapse_frames", "Frames of a recording"),
    "gaps": gauge("prusacam_timelapse_missing_frames", "That the camera did not give"),
    "chosen": gauge(
        "prusacam_timelapse_chosen_frames", "That a better one took the place of"
    ),
    "created": gauge(
        "prusacam_timelapse_created_timestamp_seconds", "When it was begun"
    ),
    "finished": gauge(
        "prusacam_timelapse_finished_timestamp_seconds", "When the video was ready"
    ),
    "video_bytes": gauge("prusacam_timelapse_video_bytes", "Size of the video"),
    "seconds_from_last_frame": gauge(
        "prusacam_timelapse_render_seconds", "From the last frame to the video"
    ),
}

TIMELAPSE = {
    "enabled": gauge("prusacam_timelapse_enabled", "1 when prints are recorded"),
    "panel.framecount": gauge(
        "prusacam_timelapse_panel_frames", "What the panels of UIs show"
    ),
    "panel.rendering": gauge(
        "prusacam_timelapse_rendering", "1 while a video is being made"
    ),
    **under("active", JOB),
    **under("last", JOB),
}

CONNECT = {
    "state": state("prusacam_connect_state", "1 for the state of now", UploadState),
    "accepted": counter("prusacam_connect_accepted", "Snapshots that were taken"),
    "failed": counter("prusacam_connect_failed", "Snapshots that were not"),
    "failures.*": counter("prusacam_connect_failures", "The same, by their causes"),
    "bytes": counter("prusacam_connect_sent_bytes", "Of snapshots that were taken"),
    "bytes_in_hour": gauge("prusacam_connect_hour_bytes", "Sent in the last hour"),
    "over_hourly_limit": gauge(
        "prusacam_connect_over_limit", "1 when max_bytes_per_hour is used up"
    ),
    "last_accepted": gauge(
        "prusacam_connect_last_accepted_timestamp_seconds", "When one was taken last"
    ),
    "frozen_since": gauge(
        "prusacam_connect_frozen_timestamp_seconds", "Since when pictures are the same"
    ),
    "black_since": gauge(
        "prusacam_connect_black_timestamp_seconds", "Since when pictures are black"
    ),
    "alarm": gauge("prusacam_connect_alarm", "1 when uploads have failed for long"),
    "next_in_s": gauge("prusacam_connect_next_seconds", "Until the next snapshot"),
    "interval_s": gauge(
        "prusacam_connect_interval_seconds", "Between snapshots, where time decides"
    ),
    "paused": gauge("prusacam_connect_paused", "1 while Prusa Connect wants none"),
}

CAMERA_ROLE = {
    "state": state(
        "prusacam_camera_role_state", "1 for the state of now", SessionState
    ),
    "sessions": counter(
        "prusacam_camera_role_sessions", "How often Prusa Connect was connected to"
    ),
    "answered": counter("prusacam_camera_role_answered", "What it asked and was told"),
    "refused": counter("prusacam_camera_role_refused", "What it asked and was not"),
    "ignored": counter(
        "prusacam_camera_role_ignored", "Events of other kinds than a camera knows"
    ),
    "malformed": counter("prusacam_camera_role_malformed", "What made no sense"),
}

_OF_PRUSA_JOBS = {
    "state": Row(
        Kind.STATE,
        "prusacam_prusa_camera_jobs",
        "Open jobs by what is to come",
        states=tuple(Phase),
    ),
    "prepared": gauge(
        "prusacam_prusa_camera_jobs_prepared", "Jobs that the camera was told of"
    ),
    "late_s": gauge(
        "prusacam_prusa_camera_late_seconds",
        "How late it was told, at most",
        largest=True,
    ),
    "created": gauge(
        "prusacam_prusa_camera_created_timestamp_seconds",
        "When the newest open job was begun",
        largest=True,
    ),
    "video_bytes": gauge(
        "prusacam_prusa_camera_video_bytes", "Size of the videos of open jobs"
    ),
    "received_bytes": gauge(
        "prusacam_prusa_camera_received_bytes", "Of downloads that are not done"
    ),
    "length_bytes": gauge(
        "prusacam_prusa_camera_length_bytes", "Whole size of those downloads"
    ),
    "next_in_s": gauge(
        "prusacam_prusa_camera_next_seconds",
        "Until the last of them is tried again",
        largest=True,
    ),
    "finished": gauge(
        "prusacam_prusa_camera_finished_timestamp_seconds",
        "When an open job was done",
        largest=True,
    ),
}
_OF_PRUSA_LAST = {
    "state": state(
        "prusacam_prusa_camera_last_state", "How the newest job ended", Phase
    ),
    "prepared": gauge(
        "prusacam_prusa_camera_last_prepared", "1 when the camera was told of it"
    ),
    "late_s": gauge("prusacam_prusa_camera_last_late_seconds", "How late it was told"),
    "created": gauge(
        "prusacam_prusa_camera_last_created_timestamp_seconds", "When it was begun"
    ),
    "finished": gauge(
        "prusacam_prusa_camera_last_finished_timestamp_seconds", "When it was done"
    ),
    "video_bytes": gauge("prusacam_prusa_camera_last_video_bytes", "Size of its video"),
}
PRUSA_CAMERA = {
    "timelapse": gauge("prusacam_prusa_camera_timelapse", "1 when it records prints"),
    "state": state(
        "prusacam_prusa_camera_state", "1 for the state of now", SessionState
    ),
    **under("jobs.*", _OF_PRUSA_JOBS),
    **under("last", _OF_PRUSA_LAST),
}

TABLE = {
    **ENGINE,
    **under("cameras.*", CAMERA),
    **under("cameras.*.streams.*", VIEWER),
    **under("timelapse", TIMELAPSE),
    **under("connect.*", CONNECT),
    **under("camera_roles.*", CAMERA_ROLE),
    "printer.state": Row(
        Kind.STATE,
        "prusacam_printer_state",
        "How the printer stands in Prusa Connect, 1 for the state of now",
        states=("off", "failed", "unregistered", "waiting", *Contact),
    ),
    **under("prusa_cameras.*", PRUSA_CAMERA),
    **under("multicam", MULTICAM),
}

LABELS: dict[str, Callable[[dict[str, Any]], dict[str, str]]] = {
    "cameras.*": lambda camera: {"camera": camera["name"]},
    "cameras.*.streams.*": lambda viewer: {
        "address": viewer["address"],
        "viewer": viewer["viewer"],
    },
    "timelapse.active": lambda job: _job_labels("active", job),
    "timelapse.last": lambda job: _job_labels("last", job),
    "connect.*": lambda upload: {"camera": upload["camera"]},
    "camera_roles.*": lambda role: {"camera": role["camera"]},
    "prusa_cameras.*": lambda camera: {"camera": camera["name"]},
    "multicam.sessions.*": lambda _: {"which": "open"},
    "multicam.last": lambda _: {"which": "last"},
    "multicam.cameras.*": lambda camera: {"camera": camera["camera"]},
}
"""What tells the things at a place apart."""

KEYS = {
    "cameras.*.attempt.stages_ms": "stage",
    "connect.*.failures": "cause",
    "multicam.known": "origin",
}
"""Where keys are data, and which label they become."""


def _job_labels(which: str, job: dict[str, Any]) -> dict[str, str]:
    return {"which": which, "camera": job["camera"], "track": job["track"]}
