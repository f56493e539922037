# What a camera of ours can do for Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border between the camera role and the rest of the engine, which has it act."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .messages import Status, TimelapseFile


class Ability(enum.StrEnum):
    """What a camera of ours may be able to do, by the name of its feature."""

    SNAPSHOT = "GetSnapshot"
    INTERVAL = "UploadInterval"  # regular snapshots, too, can be switched
    TIMELAPSE = "TimelapseEn"  # the name of the job is taken, too
    VIDEO = "TimelapseVideoMake"
    FILES = "TimelapseFileList"


class CameraActions(Protocol):
    """What a camera of ours can do for Prusa Connect; errors are PrusacamError."""

    @property
    def abilities(self) -> Collection[Ability]:
        """What works at this moment; nothing else is claimed or done."""

    async def status(self) -> Status:
        """What is known of the camera; what a profile has no place for is left out."""

    async def take_snapshot(self) -> None:
        """Upload the newest frame."""

    async def enable_snapshots(self, enabled: bool) -> None:
        """Switch regular uploads on or off."""

    async def set_snapshot_interval(self, interval_s: int) -> None:
        """Upload every 10 to 600 s."""

    async def enable_timelapse(self, enabled: bool) -> None:
        """Record the prints to come, or do not."""

    async def set_job_name(self, name: str) -> None:
        """Name the video of this print: 1 to 255 octets, printable."""

    async def make_video(self) -> None:
        """Make the video of the last print; returns when it is there."""

    async def files(self) -> Iterable[TimelapseFile]:
        """The finished videos."""
