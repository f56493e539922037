# Where frames come from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module a kind of source, chosen by the scheme of the configured URL.

A source delivers bytes; what is a frame in them is the scanner's business, and when
to try again the camera's. Modules are imported when a camera needs them: a host with a
USB camera has no use for TLS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig


class Source(Protocol):
    """A place that a camera's bytes come from."""

    async def run(self, receiver: Receiver) -> None:
        """Connect, and let bytes be received until that fails; raises SourceError.

        Tells ``receiver.reached`` of the stages before the first frame. What
        ``receiver`` raises that is not about the connection is raised as it is.
        Whatever was opened is closed, and has let go of the camera, when this raises or
        is cancelled.
        """


@attrs.frozen
class Host:
    """What sources need of the host; ``ffmpeg`` None: find one."""

    state_path: Path
    ffmpeg: Path | None = None


def open_source(config: CameraConfig, host: Host) -> Source:
    """The source that ``config`` names."""
    scheme = config.source.scheme
    match scheme:
        case "tcp":
            from .tcp import TcpSource

            return TcpSource(config)
        case "exec":
            from .command import CommandSource

            return CommandSource(config)
        case "http" | "https":
            from moonraker_prusacam.camera.tls import Pins

            from .http import HttpSource

            return HttpSource(config, Pins(config, host))
        case "snapshot+http" | "snapshot+https":
            from moonraker_prusacam.camera.tls import Pins

            from .snapshot import SnapshotSource

            return SnapshotSource(config, Pins(config, host))
        case "rtsp" | "rtsps":
            from .rtsp import RtspSource, endpoint

            return RtspSource(config, host, endpoint(config, host))
        case "bambu":
            from .bambu import bambu_source

            return bambu_source(config, host)
        case "v4l2":
            from .v4l2 import V4l2Source

            return V4l2Source(config, host)
        case "test":
            from .synthetic import SyntheticSource

            return SyntheticSource(config)
        case _:
            raise NotImplementedError(scheme)
