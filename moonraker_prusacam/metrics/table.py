# Which figure of the status is which metric.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row for each path in the status; ``*`` stands for a place in a list or a key.

Names follow Prometheus' own advice (Metric and label naming): base units, their name at
the end, ``_total`` for what only rises. What is no metric is named, with why, so that
nothing is left out unnoticed.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.camera.state import CameraState
from moonraker_prusacam.connect.prusa_camera.job import Phase
from moonraker_prusacam.connect.report import UploadState
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.timelapse import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MILLI = 1e-3


class Kind(enum.Enum):
    """What becomes of a value."""

    GAUGE = "gauge"
    COUNTER = "counter"  # rises until the engine is restarted
    STATE = "state"  # a word: one sample for each that there is, 1 or 0
    INFO = "info"  # a text or a setting: a label of a sample that is 1


@attrs.frozen
class Row:
    """``name`` without ``_total``; ``labels`` beside those of the place.

    ``scale`` turns the value into the base unit. Values whose labels are all the same
    are added up, or the ``largest`` holds.
    """

    kind: Kind
    name: str
    help: str
    labels: Mapping[str, str] = attrs.field(factory=dict)
    scale: float = 1.0
    states: tuple[str, ...] = ()
    largest: bool = False


def _gauge(name: str, told: str, **more: Any) -> Row:
    return Row(Kind.GAUGE, name, told, **more)


def _counter(name: str, told: str, **more: Any) -> Row:
    return Row(Kind.COUNTER, name, told, **more)


def _state(name: str, told: str, states: type[enum.StrEnum]) -> Row:
    return Row(Kind.STATE, name, told, states=tuple(states))


def _info(name: str, told: str) -> Row:
    return Row(Kind.INFO, name, told)


def _under(place: str, rows: Mapping[str, Row]) -> dict[str, Row]:
    return {f"{place}.{key}": row for key, row in rows.items()}


def _lost(reason: str) -> Row:
    told = "Frames that the camera sent and nobody got"
    return _counter("prusacam_camera_frames_lost", told, labels={"reason": reason})


def _latency(stage: str, quantile: str) -> Row:
    return _gauge(
        "prusacam_camera_latency_seconds",
        "From a frame's first byte to its last (receive), from there to a viewer's "
        "socket (deliver); of the newest frames",
        labels={"stage": stage, "quantile": quantile},
        scale=MILLI,
    )


ENGINE = {
    "version": _info("prusacam_info", "The engine, and which twins are in use"),
    "scanner": _info("prusacam_info", ""),
    "intake": _info("prusacam_info", ""),
    "pump": _info("prusacam_info", ""),
    "uptime_s": _gauge("prusacam_uptime_seconds", "Since the engine began"),
    "viewers": _gauge("prusacam_viewers", "Open streams"),
    "max_viewers": _gauge("prusacam_viewers_limit", "Open streams at once, at most"),
    "viewers_stalled": _counter(
        "prusacam_viewers_stalled", "Streams that were closed since nobody read them"
    ),
    "stream_bytes": _counter("prusacam_stream_bytes", "Sent to viewers of streams"),
}

CAMERA = {
    "source": _info("prusacam_camera_info", "How a camera is configured"),
    "rotation": _info("prusacam_camera_info", ""),
    "flip_horizontal": _info("prusacam_camera_info", ""),
    "flip_vertical": _info("prusacam_camera_info", ""),
    "state": _state("prusacam_camera_state", "1 for the state of now", CameraState),
    "since": _gauge("prusacam_camera_state_timestamp_seconds", "When that state began"),
    "last_frame": _gauge(
        "prusacam_camera_last_frame_timestamp_seconds", "When the newest frame came"
    ),
    "age_ms": _gauge(
        "prusacam_camera_frame_age_seconds", "Age of the newest frame", scale=MILLI
    ),
    "fps": _gauge("prusacam_camera_frames_per_second", "Frames that arrive"),
    "fps_out": _gauge(
        "prusacam_camera_sent_frames_per_second", "Frames to all viewers together"
    ),
    "target_fps": _gauge(
        "prusacam_camera_target_frames_per_second", "What viewers are told to expect"
    ),
    "width": _gauge("prusacam_camera_width_pixels", "Of the newest frame"),
    "height": _gauge("prusacam_camera_height_pixels", "Of the newest frame"),
    "frames": _counter("prusacam_camera_frames", "Whole frames that came"),
    "truncated": _lost("truncated"),
    "oversize": _lost("oversize"),
    "malformed": _lost("malformed"),
    "without_memory": _lost("without_memory"),
    "not_taken": _lost("not_taken"),
    "connects": _counter("prusacam_camera_connects", "How often it was connected to"),
    "attempt.age_s": _gauge(
        "prusacam_camera_attempt_age_seconds", "Since the newest connection was begun"
    ),
    "attempt.is_over": _gauge(
        "prusacam_camera_attempt_over", "1 when that connection has ended"
    ),
    "attempt.stages_ms.*": _gauge(
        "prusacam_camera_attempt_stage_seconds",
        "How long each stage of that connection took",
        scale=MILLI,
    ),
    "consumers": _gauge("prusacam_camera_consumers", "Who needs its frames now"),
    "latency_ms.receive.p50": _latency("receive", "0.5"),
    "latency_ms.receive.p99": _latency("receive", "0.99"),
    "latency_ms.deliver.p50": _latency("deliver", "0.5"),
    "latency_ms.deliver.p99": _latency("deliver", "0.99"),
    "memory.bytes": _gauge("prusacam_camera_memory_bytes", "Taken by frames"),
    "memory.peak_bytes": _gauge("prusacam_camera_memory_peak_bytes", "The most so far"),
    "memory.limit_bytes": _gauge("prusacam_camera_memory_limit_bytes", "At most"),
    "memory.frames": _gauge("prusacam_camera_memory_frames", "Frames in memory"),
    "viewers": _gauge("prusacam_camera_viewers", "Open streams of this camera"),
}

VIEWER = {
    "fps": _gauge("prusacam_viewer_frames_per_second", "What a viewer gets"),
    "frames": _gauge("prusacam_viewer_frames", "What a viewer got since it came"),
    "skipped": _gauge(
        "prusacam_viewer_skipped_frames", "Newer ones went in their place"
    ),
    "bytes": _gauge("prusacam_viewer_bytes", "What a viewer got since it came"),
    "age_s": _gauge(
        "prusacam_viewer_age_seconds", "Since the (oldest) viewer came", largest=True
    ),
}

JOB = {
    "state": _state("prusacam_timelapse_state", "1 for the state of now", JobState),
    "frames": _gauge("prusacam_timelapse_frames", "Frames of a recording"),
    "gaps": _gauge("prusacam_timelapse_missing_frames", "That the camera did not give"),
    "chosen": _gauge(
        "prusacam_timelapse_chosen_frames", "That a better one took the place of"
    ),
    "created": _gauge(
        "prusacam_timelapse_created_timestamp_seconds", "When it was begun"
    ),
    "finished": _gauge(
        "prusacam_timelapse_finished_timestamp_seconds", "When the video was ready"
    ),
    "video_bytes": _gauge("prusacam_timelapse_video_bytes", "Size of the video"),
    "seconds_from_last_frame": _gauge(
        "prusacam_timelapse_render_seconds", "From the last frame to the video"
    ),
}

TIMELAPSE = {
    "enabled": _gauge("prusacam_timelapse_enabled", "1 when prints are recorded"),
    "panel.framecount": _gauge(
        "prusacam_timelapse_panel_frames", "What the panels of UIs show"
    ),
    "panel.rendering": _gauge(
        "prusacam_timelapse_rendering", "1 while a video is being made"
    ),
    **_under("active", JOB),
    **_under("last", JOB),
}

CONNECT = {
    "state": _state("prusacam_connect_state", "1 for the state of now", UploadState),
    "accepted": _counter("prusacam_connect_accepted", "Snapshots that were taken"),
    "failed": _counter("prusacam_connect_failed", "Snapshots that were not"),
    "failures.*": _counter("prusacam_connect_failures", "The same, by their causes"),
    "bytes": _counter("prusacam_connect_sent_bytes", "Of snapshots that were taken"),
    "bytes_in_hour": _gauge("prusacam_connect_hour_bytes", "Sent in the last hour"),
    "over_hourly_limit": _gauge(
        "prusacam_connect_over_limit", "1 when max_bytes_per_hour is used up"
    ),
    "last_accepted": _gauge(
        "prusacam_connect_last_accepted_timestamp_seconds", "When one was taken last"
    ),
    "frozen_since": _gauge(
        "prusacam_connect_frozen_timestamp_seconds", "Since when pictures are the same"
    ),
    "black_since": _gauge(
        "prusacam_connect_black_timestamp_seconds", "Since when pictures are black"
    ),
    "alarm": _gauge("prusacam_connect_alarm", "1 when uploads have failed for long"),
    "next_in_s": _gauge("prusacam_connect_next_seconds", "Until the next snapshot"),
}

_OF_PRUSA_JOBS = {
    "state": Row(
        Kind.STATE,
        "prusacam_prusa_camera_jobs",
        "Open jobs by what is to come",
        states=tuple(Phase),
    ),
    "prepared": _gauge(
        "prusacam_prusa_camera_jobs_prepared", "Jobs that the camera was told of"
    ),
    "late_s": _gauge(
        "prusacam_prusa_camera_late_seconds",
        "How late it was told, at most",
        largest=True,
    ),
    "created": _gauge(
        "prusacam_prusa_camera_created_timestamp_seconds",
        "When the newest open job was begun",
        largest=True,
    ),
    "video_bytes": _gauge(
        "prusacam_prusa_camera_video_bytes", "Size of the videos of open jobs"
    ),
    "received_bytes": _gauge(
        "prusacam_prusa_camera_received_bytes", "Of downloads that are not done"
    ),
    "length_bytes": _gauge(
        "prusacam_prusa_camera_length_bytes", "Whole size of those downloads"
    ),
    "next_in_s": _gauge(
        "prusacam_prusa_camera_next_seconds",
        "Until the last of them is tried again",
        largest=True,
    ),
    "finished": _gauge(
        "prusacam_prusa_camera_finished_timestamp_seconds",
        "When an open job was done",
        largest=True,
    ),
}
_OF_PRUSA_LAST = {
    "state": _state(
        "prusacam_prusa_camera_last_state", "How the newest job ended", Phase
    ),
    "prepared": _gauge(
        "prusacam_prusa_camera_last_prepared", "1 when the camera was told of it"
    ),
    "late_s": _gauge("prusacam_prusa_camera_last_late_seconds", "How late it was told"),
    "created": _gauge(
        "prusacam_prusa_camera_last_created_timestamp_seconds", "When it was begun"
    ),
    "finished": _gauge(
        "prusacam_prusa_camera_last_finished_timestamp_seconds", "When it was done"
    ),
    "video_bytes": _gauge(
        "prusacam_prusa_camera_last_video_bytes", "Size of its video"
    ),
}
PRUSA_CAMERA = {
    "timelapse": _gauge("prusacam_prusa_camera_timelapse", "1 when it records prints"),
    "state": _state(
        "prusacam_prusa_camera_state", "1 for the state of now", SessionState
    ),
    **_under("jobs.*", _OF_PRUSA_JOBS),
    **_under("last", _OF_PRUSA_LAST),
}

TABLE = {
    **ENGINE,
    **_under("cameras.*", CAMERA),
    **_under("cameras.*.streams.*", VIEWER),
    **_under("timelapse", TIMELAPSE),
    **_under("connect.*", CONNECT),
    **_under("prusa_cameras.*", PRUSA_CAMERA),
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
    "prusa_cameras.*": lambda camera: {"camera": camera["name"]},
}
"""What tells the things at a place apart."""

KEYS = {"cameras.*.attempt.stages_ms": "stage", "connect.*.failures": "cause"}
"""Where keys are data, and which label they become."""

NOT_METRICS = {
    **dict.fromkeys(("pid",), "a name, which is new with every start"),
    **dict.fromkeys(
        (
            "cameras.*.name",
            "cameras.*.streams.*.address",
            "cameras.*.streams.*.viewer",
            "connect.*.camera",
            "prusa_cameras.*.name",
            "prusa_cameras.*.jobs.*.camera",
            "prusa_cameras.*.last.camera",
            "timelapse.active.camera",
            "timelapse.active.track",
            "timelapse.last.camera",
            "timelapse.last.track",
        ),
        "a label",
    ),
    **dict.fromkeys(
        (
            *(f"cameras.*.{name}" for name in ("reason", "advice")),
            *(f"cameras.*.{name}_url" for name in ("stream", "snapshot")),
            *(
                f"timelapse.{which}.{name}"
                for which in ("active", "last")
                for name in ("id", "filename", "outcome", "video", "error")
            ),
            "timelapse.panel.lastframefile",
            *(
                f"connect.*.{name}"
                for name in (
                    *("server", "trigger_scheme", "chosen_in", "upload_when"),
                    *("error", "hint"),
                )
            ),
            *(f"prusa_cameras.*.{name}" for name in ("reason", "advice")),
            *(
                f"prusa_cameras.*.{which}.{name}"
                for which in ("jobs.*", "last")
                for name in (
                    *("id", "filename", "job_name", "outcome", "video"),
                    *("reason", "advice", "warning"),
                )
            ),
            "prusa_cameras.*.jobs.*.url",
        ),
        "words for people",
    ),
}
"""Paths that are no metrics, and why."""


def _job_labels(which: str, job: dict[str, Any]) -> dict[str, str]:
    return {"which": which, "camera": job["camera"], "track": job["track"]}
