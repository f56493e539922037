# From a section of the configuration to a viewer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the timelapse of a Prusa camera meets the client of its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moonraker_prusacam.connect.signaling.viewer import Viewer, ViewerOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig
    from moonraker_prusacam.secret import Secret

    from .viewer import CameraViewer


def viewer_opener(config: PrusaCameraConfig) -> Callable[[Secret], CameraViewer]:
    """Makes viewers of a camera, each by an account's token of its own."""

    def open_viewer(jwt: Secret) -> CameraViewer:
        return Viewer(
            ViewerOptions(
                name=config.name,
                camera_token=config.secret,
                jwt=jwt,
                url=config.signaling_url,
                server=config.server,
                origin=config.origin,
                profile=config.profile,
                fingerprint=config.fingerprint.reveal() if config.fingerprint else "",
            )
        )

    return open_viewer
