# Moonraker's endpoints of Prusa's own cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which endpoint asks the engine for what, and which arguments it takes.

A query string has texts only, so numbers and switches are made of them here. Names and
bounds are the engine's to check; what is not known is refused, so that a misspelt
argument is told of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .video_params import number, read, switch, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = "/server/prusacam/prusa_camera"
CAMERA_TIMEOUT_S = 45.0
"""A camera answers over the internet, and the engine waits for it for 30 s."""

CAMERA = {"camera": text}
SWITCHES = ("light", "snapshots", "timelapse", "rtsp_server")
NUMBERS = (
    "exposure",
    "snapshot_interval",
    "timelapse_interval",
    "timelapse_fps",
    "volume",
    "contrast",
    "brightness",
    "saturation",
)
SETTINGS = {
    **dict.fromkeys(SWITCHES, switch),
    **dict.fromkeys(NUMBERS, number),
    "mode": text,
    "quality": text,
}


@dataclass(frozen=True)
class PrusaCameraEndpoint:
    """``path`` below ``ROOT`` is one call of ``prusa_camera.<method>``."""

    request_type: str
    path: str
    readers: Mapping[str, Callable[[object], object]]

    @property
    def method(self) -> str:
        """What the engine is asked."""
        return f"prusa_camera.{self.path.replace('/', '.')}"

    def params(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments of the call; raises ValueError."""
        return read(arguments, {**CAMERA, **self.readers})


PRUSA_CAMERA_ENDPOINTS = (
    PrusaCameraEndpoint("GET", "status", {"ask": switch}),
    PrusaCameraEndpoint("POST", "snapshot", {}),
    PrusaCameraEndpoint("POST", "move", {"direction": text, "angle": number}),
    PrusaCameraEndpoint("POST", "set", SETTINGS),
    PrusaCameraEndpoint("POST", "reboot", {"confirmed": switch}),
    PrusaCameraEndpoint("POST", "update_firmware", {"confirmed": switch}),
    PrusaCameraEndpoint("POST", "timelapse/start", {}),
    PrusaCameraEndpoint("POST", "timelapse/render", {"job": text}),
    PrusaCameraEndpoint("POST", "timelapse/download", {"job": text, "name": text}),
    PrusaCameraEndpoint("GET", "timelapse/list", {"files": switch}),
)
