# Arguments of the endpoints for cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what a query string or a body says, before the engine is asked.

Arguments that are not known are passed over, as the engine's own address does it:
browsers add some against their caches.
"""

from __future__ import annotations

import re
from typing import Any

from .video_params import number

MAX_CAMERA_NAME = 64
VIEWER_NAME = re.compile(r"[ -~]{1,40}")


def camera_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """``{"camera": name}``, or nothing where none is given; raises ValueError."""
    camera = arguments.get("camera")
    if camera is None or camera == "":
        return {}
    if not isinstance(camera, str) or len(camera) > MAX_CAMERA_NAME:
        raise ValueError(
            f"'camera' must be a name of at most {MAX_CAMERA_NAME} characters"
        )
    return {"camera": camera}


def stop_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``camera.stop``; raises ValueError."""
    params = camera_params(arguments)
    viewer = arguments.get("viewer")
    if viewer is None:
        return params
    if not isinstance(viewer, str) or not VIEWER_NAME.fullmatch(viewer):
        raise ValueError("'viewer' must be a name of 1 to 40 printable characters")
    return {**params, "viewer": viewer}


def stream_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``camera.stream``; raises ValueError."""
    params = stop_params(arguments)
    fps = arguments.get("fps")
    if fps is None:
        return params
    try:
        return {**params, "fps": number(fps)}
    except ValueError as error:
        raise ValueError(f"'fps' {error}") from None
