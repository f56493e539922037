# What can be set at the virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches and numbers of a camera, as triggers and configurations change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.signaling.messages import (
    CameraMode,
    Direction,
    Switch,
    VideoQuality,
)

if TYPE_CHECKING:
    from moonraker_prusacam.connect.signaling.messages import Configuration, Trigger

# Ranges that were seen; what is outside is ignored here, which is a guess.
RANGES = {"snapshot_interval_s": (10, 600), "volume": (5, 100)}
TURNS = {
    Direction.LEFT: ("pan_deg", -1),
    Direction.RIGHT: ("pan_deg", 1),
    Direction.UP: ("tilt_deg", 1),
    Direction.DOWN: ("tilt_deg", -1),
}
MAX_PAN_DEG, MAX_TILT_DEG = 60, 30
SWITCHES = ("snapshots", "rtsp_server")
PLAIN = (
    "exposure",
    "mode",
    "snapshot_interval_s",
    "contrast",
    "volume",
    "brightness",
    "saturation",
    "timelapse_interval_s",
    "timelapse_fps",
    "quality",
)


@attrs.frozen(kw_only=True)
class Settings:
    """All of them; intervals in seconds, brightness and its like in percent."""

    snapshots: bool = True
    rtsp_server: bool = False
    snapshot_interval_s: int = 10
    timelapse_interval_s: int = 10
    timelapse_fps: int = 10
    pan_deg: int = 0
    tilt_deg: int = 0
    light: bool = False
    mode: CameraMode = CameraMode.AUTO
    exposure: int = 0
    contrast: int = 0
    brightness: int = 0
    saturation: int = 0
    volume: int = 50
    quality: VideoQuality = VideoQuality.HD

    def triggered(self, trigger: Trigger) -> Settings:
        """What ``trigger`` makes of them."""
        changes: dict[str, Any] = {
            name: getattr(trigger, name) is Switch.ON
            for name in SWITCHES
            if getattr(trigger, name) is not None
        }
        return attrs.evolve(self, **changes)

    def configured(self, wanted: Configuration) -> Settings:
        """What ``wanted`` makes of them."""
        changes: dict[str, Any] = {
            name: getattr(wanted, name)
            for name in PLAIN
            if getattr(wanted, name) is not None
        }
        for name, (least, most) in RANGES.items():
            if not least <= changes.get(name, least) <= most:
                del changes[name]
        if wanted.light is not None:
            changes["light"] = wanted.light is Switch.ON
        if wanted.direction is not None:
            axis, sign = TURNS[wanted.direction]
            most = MAX_PAN_DEG if axis == "pan_deg" else MAX_TILT_DEG
            turned = getattr(self, axis) + sign * (wanted.angle or 0)
            changes[axis] = max(-most, min(most, turned))
        return attrs.evolve(self, **changes)
