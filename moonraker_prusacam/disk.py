# How much of the disk a timelapse may take.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps room on the disk for the printer, in steps.

Below the reserve, frames are sealed at once, which takes a tenth of their room, and
saved frames are given up; below three quarters of it, every other frame is left out.
Below ``MIN_FREE_BYTES`` nothing is stored any more.
"""

from __future__ import annotations

import enum
import shutil
from typing import TYPE_CHECKING

import attrs

from .errors import DiskRefused, TimelapseError

if TYPE_CHECKING:
    from pathlib import Path

MB = 1e6
MIN_FREE_BYTES = 256 << 20
LEAST_RESERVE_BYTES = 500 << 20
RESERVE_SHARE = 0.05
THIN_SHARE = 0.75
# A frame, its segment and the video: what a print needs for each frame, and half more.
BYTES_A_FRAME = 1.5 * 0.35


class DiskStage(enum.IntEnum):
    """What has to be saved."""

    PLENTY = 0
    SEAL = 1
    THIN = 2


@attrs.frozen
class DiskGuard:
    """Looks at the file system of ``path``; ``reserve_bytes`` 0 chooses by its size."""

    path: Path
    reserve_bytes: int = 0

    def stage(self) -> DiskStage:
        """What is to be done now; raises OSError."""
        usage = shutil.disk_usage(self.path)
        reserve = self.reserve(usage.total)
        if usage.free >= reserve:
            return DiskStage.PLENTY
        if usage.free >= THIN_SHARE * reserve:
            return DiskStage.SEAL
        return DiskStage.THIN

    def reserve(self, total_bytes: int) -> int:
        """What is to stay free on a disk of ``total_bytes``."""
        by_size = max(LEAST_RESERVE_BYTES, int(RESERVE_SHARE * total_bytes))
        return self.reserve_bytes or by_size

    def lacking_bytes(self, frames: int, frame_bytes: int) -> int:
        """How much too little room there is for a print of ``frames``; raises OSError.

        0 where there is enough.
        """
        return self.lacking_for(int(frames * frame_bytes * BYTES_A_FRAME))

    def room_bytes(self) -> int:
        """How much more may be stored, below 0 if there is too much; raises OSError."""
        usage = shutil.disk_usage(self.path)
        return usage.free - self.reserve(usage.total)

    def lacking_for(self, size_bytes: int) -> int:
        """How much too little room there is for so many bytes more; raises OSError."""
        return max(0, size_bytes - self.room_bytes())

    def require(self, size_bytes: int) -> None:
        """Raise DiskRefused if so much more takes what is to stay free; or OSError."""
        if lacking := self.lacking_for(size_bytes):
            raise DiskRefused(
                f"{lacking / MB:.0f} MB too little are free at {self.path}; make room, "
                "or lower reserve_mb"
            )


def has_room(folder: Path, size_bytes: int = 0) -> bool:
    """Whether ``size_bytes`` more leave what nobody may take; raises OSError."""
    return shutil.disk_usage(folder).free - size_bytes >= MIN_FREE_BYTES


def require_room(folder: Path, size_bytes: int = 0) -> None:
    """Raise TimelapseError if ``size_bytes`` more would take the last room."""
    if not has_room(folder, size_bytes):
        raise TimelapseError(
            f"less than {MIN_FREE_BYTES >> 20} MiB are free at {folder}"
        )
