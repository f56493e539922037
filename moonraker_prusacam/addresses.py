# Where browsers find what the engine serves.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of a camera's pictures, as far as the configuration tells them.

A path without a host belongs to the web server of Mainsail or Fluidd, which passes it
on to the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from .config import NGINX_PATHS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .camera_options import CameraConfig
    from .config import EngineConfig


def base_url(engine: EngineConfig, camera: CameraConfig, port: int) -> str:
    """What stands before every path, as browsers say it; without a slash at its end."""
    forwarded = NGINX_PATHS.get(port, own_url(engine, port))
    return (camera.webcam_url or forwarded).rstrip("/")


def own_url(engine: EngineConfig, port: int) -> str:
    """The address that the engine listens on."""
    host = f"[{engine.host}]" if ":" in engine.host else engine.host
    return f"http://{host}:{port}"


def named_hosts(cameras: Iterable[CameraConfig]) -> set[str]:
    """The hosts that the addresses of cameras name."""
    urls = (urlsplit(camera.webcam_url or "") for camera in cameras)
    return {url.hostname for url in urls if url.hostname}


def camera_path(name: str, action: str) -> str:
    """The path of an action on the camera of that name."""
    return f"/cameras/{quote(name, safe='')}/{action}"
