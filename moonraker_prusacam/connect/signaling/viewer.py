# A viewer of one Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks and controls one Prusa camera through the signalling server of Prusa Connect."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from .messages import NO_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.secret import Secret

    from .messages import (
        CameraMode,
        ClientTrigger,
        Direction,
        Features,
        FileList,
        ProtocolVersion,
        Status,
        TimelapseFile,
        VideoQuality,
    )

DEFAULT_SERVER = "https://connect.prusa3d.com"


class ViewerState(enum.StrEnum):
    """Where a viewer stands; ``refused`` is tried again, but seldom."""

    CONNECTING = "connecting"
    READY = "ready"
    REFUSED = "refused"
    CLOSED = "closed"


@attrs.frozen(kw_only=True)
class ViewerOptions:
    """One camera, and how its viewer gets to it.

    Without ``url`` the address of the signalling server is read from the
    ``environment.js`` of ``server``. ``profile`` is ``wire`` or ``seed``;
    ``fingerprint`` is sent in ``seed`` alone.
    """

    name: str
    camera_token: Secret
    jwt: Secret = NO_TOKEN
    url: str | None = None
    server: str = DEFAULT_SERVER
    origin: str | None = None
    profile: str = "wire"
    fingerprint: str = ""


class Viewer:
    """One camera, as its viewer.

    ``start`` connects, and connects again for ever, in the background. A call while the
    viewer is not ready raises SignalingUnavailable or, while it is refused,
    SignalingRefused, at once; wait with ``wait_ready``. A value outside of its range
    raises SignalingOptionError, one that the profile has no place for
    MessageUnsupported, an answer that does not come SignalingUnavailable.

    Listeners are called on the loop, in order, and must not block. What they raise is
    logged.
    """

    def __init__(self, options: ViewerOptions) -> None:
        self.options = options
        self.state = ViewerState.CONNECTING
        self.reason = ""  # why it is not ready, in words; empty when it is
        self.advice = ""  # what a person can do about it; may be empty
        self.on_state: list[Callable[[], None]] = []
        self.on_status: list[Callable[[Status], None]] = []
        self.on_features: list[Callable[[Features], None]] = []
        self.on_client_trigger: list[Callable[[ClientTrigger], None]] = []
        self.on_files: list[Callable[[FileList], None]] = []  # page by page
        self.on_error: list[Callable[[str], None]] = []

    async def start(self) -> None:
        """Connect, and connect again, in the background; returns at once."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End the connection and everything that runs for it. Idempotent."""
        raise NotImplementedError

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until the server has accepted us.

        Raises SignalingRefused as soon as it has not, SignalingUnavailable after
        ``timeout_s``, ClosedError after ``aclose``.
        """
        raise NotImplementedError

    async def status(self) -> Status:
        """Ask for the camera's status and return it."""
        raise NotImplementedError

    async def features(self) -> Features:
        """Ask for the camera's features and return them."""
        raise NotImplementedError

    async def protocol(self) -> ProtocolVersion:
        """Ask for the version of the protocol; MessageUnsupported in ``seed``."""
        raise NotImplementedError

    async def files(self) -> tuple[TimelapseFile, ...]:
        """Ask for the timelapse files, all pages; MessageUnsupported in ``seed``.

        A camera that has none sends nothing: no answer in time means no files.
        """
        raise NotImplementedError

    async def take_snapshot(self) -> None:
        """Have the camera send a snapshot to Prusa Connect."""
        raise NotImplementedError

    async def enable_snapshots(self, enabled: bool) -> None:
        """Switch regular snapshots on or off."""
        raise NotImplementedError

    async def enable_timelapse(self, enabled: bool) -> None:
        """Switch the recording of timelapse frames on or off."""
        raise NotImplementedError

    async def make_video(self) -> None:
        """Have the camera make a video of its frames."""
        raise NotImplementedError

    async def set_rtsp_server(self, enabled: bool) -> None:
        """Switch the camera's RTSP server on or off."""
        raise NotImplementedError

    async def reboot(self, *, confirmed: bool) -> None:
        """Restart the camera; SignalingOptionError unless ``confirmed``."""
        raise NotImplementedError

    async def update_firmware(self, *, confirmed: bool) -> None:
        """Update the camera's firmware; SignalingOptionError unless ``confirmed``."""
        raise NotImplementedError

    async def rotate(self, direction: Direction, angle: int) -> None:
        """Turn the camera by ``angle`` degrees, 1 to 360 (assumed)."""
        raise NotImplementedError

    async def set_light(self, enabled: bool) -> None:
        """Switch the camera's light on or off."""
        raise NotImplementedError

    async def set_exposure(self, value: int) -> None:
        """Set the exposure, 1 to 4294967295 (assumed); ``seed`` only."""
        raise NotImplementedError

    async def set_mode(self, mode: CameraMode) -> None:
        """Choose how the camera sees."""
        raise NotImplementedError

    async def set_snapshot_interval(self, interval_s: int) -> None:
        """Set the time between snapshots, 10 to 600 s."""
        raise NotImplementedError

    async def set_timelapse_interval(self, interval_s: int) -> None:
        """Set the time between timelapse frames, 1 s or more (assumed)."""
        raise NotImplementedError

    async def set_timelapse_fps(self, fps: int) -> None:
        """Set the frames a second of a video, 1 or more (assumed)."""
        raise NotImplementedError

    async def set_job_name(self, name: str) -> None:
        """Name the job, after which the camera names its video."""
        raise NotImplementedError

    async def set_volume(self, volume: int) -> None:
        """Set the loudness, 5 to 100."""
        raise NotImplementedError

    async def set_contrast(self, contrast: int) -> None:
        """Set the contrast, any 32-bit number but 0 (assumed); ``seed`` only."""
        raise NotImplementedError

    async def set_brightness(self, brightness: int) -> None:
        """Set the brightness, any 32-bit number but 0 (assumed)."""
        raise NotImplementedError

    async def set_saturation(self, saturation: int) -> None:
        """Set the saturation, any 32-bit number but 0 (assumed)."""
        raise NotImplementedError

    async def set_quality(self, quality: VideoQuality) -> None:
        """Choose the size of the video; ``wire`` only."""
        raise NotImplementedError
