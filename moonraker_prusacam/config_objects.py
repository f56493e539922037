# prusacam.conf as frozen objects.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sections there are, and all that they say together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from .access_options import AccessConfig
from .camera_options import CameraConfig
from .connect_options import ConnectConfig
from .engine_options import EngineConfig
from .gateway_options import GatewayConfig
from .multicam_options import MULTICAM, MultiCamSections
from .printer_options import PrinterConfig
from .prusa_camera_options import PrusaCameraConfig
from .timelapse_options import TimelapseConfig, TrackConfig

if TYPE_CHECKING:
    from pathlib import Path

CAMERA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")

SECTIONS: dict[str, type[Any]] = {
    "engine": EngineConfig,
    "access": AccessConfig,
    "camera": CameraConfig,
    "connect": ConnectConfig,
    "timelapse": TimelapseConfig,
    "track": TrackConfig,
    "prusa_camera": PrusaCameraConfig,
    "gateway": GatewayConfig,
    "printer": PrinterConfig,
    **MULTICAM,
}
NAMED = (
    "camera",
    "connect",
    "track",
    "prusa_camera",
    "multicam_device",
    "multicam_camera",
)


@attrs.frozen
class Config:
    """One prusacam.conf; ``file`` is where it was read, if it was a file."""

    engine: EngineConfig
    cameras: tuple[CameraConfig, ...] = ()
    connect: tuple[ConnectConfig, ...] = ()
    timelapse: TimelapseConfig | None = None
    tracks: tuple[TrackConfig, ...] = ()
    prusa_cameras: tuple[PrusaCameraConfig, ...] = ()
    gateway: GatewayConfig | None = None
    access: AccessConfig = AccessConfig()
    printer: PrinterConfig | None = None
    multicam: MultiCamSections = MultiCamSections()
    file: Path | None = attrs.field(default=None, eq=False)

    @property
    def klippy_path(self) -> Path:
        """Klipper's API socket."""
        configured = self.timelapse and self.timelapse.klippy_socket
        return configured or self.engine.data_path / "comms" / "klippy.sock"

    @property
    def moonraker_path(self) -> Path:
        """Moonraker's Unix socket."""
        return self.engine.data_path / "comms" / "moonraker.sock"

    @property
    def ffmpeg(self) -> Path | None:
        """The configured ffmpeg, if one is."""
        return self.timelapse.ffmpeg if self.timelapse else None

    @property
    def videos_path(self) -> Path:
        """The folder of finished videos."""
        configured = self.timelapse and self.timelapse.output_path
        return configured or self.engine.data_path / "timelapse"

    @property
    def frames_path(self) -> Path:
        """The folder of the newest frame, which panels look into."""
        return self.engine.state_path / "lastframe"

    @property
    def jobs_path(self) -> Path:
        """The folder of job directories."""
        configured = self.timelapse and self.timelapse.jobs_path
        return configured or self.engine.state_path / "jobs"
