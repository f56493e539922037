# What is needed of a camera's viewer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ``connect.signaling.viewer.Viewer`` that a camera's owner uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.connect.signaling.messages import (
        CameraMode,
        ClientTrigger,
        Direction,
        Features,
        Status,
        TimelapseFile,
        VideoQuality,
    )


class CameraViewer(Protocol):
    """One camera, as its viewer; each call raises SignalingError and ClosedError.

    ``state`` is ``connecting``, ``ready``, ``refused`` or ``closed``; ``reason`` and
    ``advice`` are words for it.
    """

    on_state: list[Callable[[], None]]
    on_status: list[Callable[[Status], None]]
    on_features: list[Callable[[Features], None]]
    on_client_trigger: list[Callable[[ClientTrigger], None]]

    @property
    def state(self) -> str: ...  # noqa: D102 - as the class says

    @property
    def reason(self) -> str: ...  # noqa: D102

    @property
    def advice(self) -> str: ...  # noqa: D102

    async def start(self) -> None:
        """Connect in the background, for ever."""

    async def aclose(self) -> None:
        """End. Idempotent."""

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait for a session."""

    async def status(self) -> Status:
        """Ask the camera for its status."""

    async def features(self) -> Features:
        """Ask the camera what it can do."""

    async def files(self) -> tuple[TimelapseFile, ...]:
        """Ask the camera for its videos; MessageUnsupported in ``seed``."""

    async def take_snapshot(self) -> None:
        """Have it send a picture to Prusa Connect."""

    async def enable_snapshots(self, enabled: bool) -> None:
        """Switch regular pictures on or off."""

    async def enable_timelapse(self, enabled: bool) -> None:
        """Switch the recording on or off."""

    async def make_video(self) -> None:
        """Have a video made of what was recorded."""

    async def set_rtsp_server(self, enabled: bool) -> None:
        """Switch its RTSP server on or off."""

    async def reboot(self, *, confirmed: bool) -> None:
        """Restart it."""

    async def update_firmware(self, *, confirmed: bool) -> None:
        """Update its firmware."""

    async def rotate(self, direction: Direction, angle: int) -> None:
        """Turn it by so many degrees."""

    async def set_light(self, enabled: bool) -> None:
        """Switch its light on or off."""

    async def set_exposure(self, value: int) -> None:
        """Set the exposure."""

    async def set_mode(self, mode: CameraMode) -> None:
        """Choose how it sees."""

    async def set_snapshot_interval(self, interval_s: int) -> None:
        """Set the time between pictures."""

    async def set_timelapse_interval(self, interval_s: int) -> None:
        """Set the time between frames."""

    async def set_timelapse_fps(self, fps: int) -> None:
        """Set the speed of the video."""

    async def set_job_name(self, name: str) -> None:
        """Tell what the video will be called."""

    async def set_volume(self, volume: int) -> None:
        """Set the loudness."""

    async def set_contrast(self, contrast: int) -> None:
        """Set the contrast."""

    async def set_brightness(self, brightness: int) -> None:
        """Set the brightness."""

    async def set_saturation(self, saturation: int) -> None:
        """Set the saturation."""

    async def set_quality(self, quality: VideoQuality) -> None:
        """Choose the size of the video."""
