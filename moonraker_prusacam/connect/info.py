# How a camera describes itself to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of ``PUT /c/info``: ``camera_request`` of Prusa's camera OpenAPI 0.22.0.

Only what is true and works here is in it: Prusa Connect shows a control for everything
that a camera claims to have. It never has a ``trigger_scheme``: that is the user's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moonraker_prusacam.version import __version__

from .network import network_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.config import CameraConfig, ConnectConfig

MAX_NAME = 64
# How snapshots are triggered can be chosen in the web page; we follow.
CAPABILITIES = ("trigger_scheme", "imaging")


def describer(
    config: ConnectConfig, camera: CameraConfig
) -> Callable[[int, int], dict[str, Any]]:
    """A function from width and height of a snapshot to the description."""

    def describe(width: int, height: int) -> dict[str, Any]:
        size = {"width": width, "height": height}
        return {
            "config": {
                "camera_id": camera.name,
                "path": "private",
                "name": camera.name[:MAX_NAME],
                "driver": camera.source.scheme,
                "resolution": size,
                "manufacturer": "moonraker-prusacam",
                "model": None,
                "firmware": __version__,
                "network_info": network_info() if config.send_network_info else None,
            },
            "options": {"available_resolutions": [size]},
            "capabilities": list(CAPABILITIES),
        }

    return describe
