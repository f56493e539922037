# What the engine tells of its cameras and of itself.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of frames in figures: what comes in and goes out, is lost, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .camera import intake, scanner
from .camera.state import TROUBLE, CameraState
from .web import pump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .camera import Camera
    from .web.feed import CameraFeed


def hot_path() -> str:
    """Which twins are in use, in words."""
    twins = {
        "scanner": scanner.IMPLEMENTATION,
        "intake": intake.IMPLEMENTATION,
        "pump": pump.IMPLEMENTATION,
    }
    pure = [name for name, twin in twins.items() if twin != "c"]
    if not pure:
        return "compiled"
    return (
        "pure Python" if len(pure) == len(twins) else f"{', '.join(pure)} not compiled"
    )


def headline(status: Mapping[str, Any]) -> str:
    """The engine's status in one line, as ``systemctl status`` shows it."""
    cameras, viewers = status["cameras"], status["viewers"]
    live = sum(
        camera["state"] in (CameraState.LIVE, CameraState.IDLE) for camera in cameras
    )
    trouble = [
        f"{camera['name']}: {camera['state']}"
        for camera in cameras
        if camera["state"] in TROUBLE
    ]
    parts = [f"{live} of {len(cameras)} cameras ready", *trouble, f"{viewers} viewers"]
    if job := status["timelapse"]["active"]:
        parts.append(f"{job['state']} {job['filename'] or 'a print'}")
    parts += [
        f"MultiCam with {len(session['devices'])} devices"
        for session in status["multicam"]["sessions"]
        if session["state"] == "recording"
    ]
    return ", ".join(parts)


def camera_status(camera: Camera, feed: CameraFeed) -> dict[str, Any]:
    """A camera's state, and the stages of its frames' way."""
    status, newest, stats = camera.status, camera.newest, camera.scanner_stats
    pool, config = camera.pool_stats, camera.config
    viewers = feed.list_viewers()
    return {
        "name": camera.name,
        "source": str(config.source),
        "state": str(status.state),
        "reason": status.reason,
        "advice": status.advice,
        "since": status.since,
        "last_frame": status.last_frame,
        "age_ms": None if newest is None else round(newest.age_s() * 1e3, 1),
        "fps": round(camera.fps, 2),
        "fps_out": round(sum(viewer.fps for viewer in viewers), 2),
        "width": None if newest is None else newest.width,
        "height": None if newest is None else newest.height,
        "frames": stats.frames,
        "truncated": stats.truncated,
        "oversize": stats.oversize,
        "malformed": stats.malformed,
        "without_memory": stats.starved,
        "not_taken": camera.overrun,
        "connects": camera.connects,
        "attempt": _attempt(camera),
        "consumers": camera.demand.consumers,
        "latency_ms": {
            "receive": percentiles(camera.receive_ms),
            "deliver": percentiles(feed.delays_ms),
        },
        "memory": {
            "bytes": pool.bytes,
            "peak_bytes": pool.peak_bytes,
            "limit_bytes": pool.limit_bytes,
            "frames": pool.in_use,
        },
        "viewers": feed.viewers,
        "streams": [
            {
                "address": viewer.label,
                "viewer": viewer.name,
                "fps": round(viewer.fps, 2),
                "frames": viewer.frames,
                "skipped": viewer.skipped,
                "bytes": viewer.bytes,
                "age_s": round(viewer.age_s, 1),
            }
            for viewer in viewers
        ],
        "target_fps": config.target_fps,
        "rotation": config.rotation,
        "flip_horizontal": config.flip_horizontal,
        "flip_vertical": config.flip_vertical,
    }


def _attempt(camera: Camera) -> dict[str, Any] | None:
    """The stages of the newest connection, None before the first one."""
    if not camera.connects:
        return None
    attempt = camera.attempt
    return {
        "age_s": round(attempt.age_s, 1),
        "is_over": attempt.is_over,
        "stages_ms": {
            str(stage): round(took_s * 1e3, 1)
            for stage, took_s in attempt.durations_s.items()
        },
    }


def percentiles(values: Sequence[float]) -> dict[str, float] | None:
    """Middle and last of a hundred, or None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "p50": round(ordered[round(0.50 * last)], 3),
        "p99": round(ordered[round(0.99 * last)], 3),
    }
