# A recording on its way, on the disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that grows beside a print: in small steps, and only where there is room.

All of it blocks. What is written goes to the disk at once and leaves the page cache:
gigabytes that a kernel writes in one go would have everybody wait who saves a frame.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from moonraker_prusacam.durable import sync_directory
from moonraker_prusacam.errors import DiskRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moonraker_prusacam.disk import DiskGuard

SYNC_BYTES = 8 << 20


class PartFile:
    """``path`` from ``create`` to ``close``; every method raises DiskRefused."""

    def __init__(self, path: Path, guards: Sequence[DiskGuard]) -> None:
        self.path = path
        self.size_bytes = 0
        self._guards = guards
        self._digest = hashlib.sha256()
        self._descriptor = -1
        self._synced_bytes = 0

    @classmethod
    def create(cls, path: Path, size_bytes: int, guards: Sequence[DiskGuard]) -> Self:
        """Begin it where ``size_bytes`` have room.

        What an earlier try brought is kept if it is the most yet, unless its room is
        needed.
        """
        part = cls(path, guards)
        try:
            for guard in guards:
                guard.path.mkdir(parents=True, exist_ok=True)
            keep_broken(path)
            if any(guard.lacking_for(size_bytes) for guard in guards):
                broken_part(path).unlink(missing_ok=True)
            part._require(size_bytes)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            part._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise DiskRefused(f"{path}: {error.strerror}") from error
        return part

    @property
    def sha256(self) -> str:
        """Of all that was appended."""
        return self._digest.hexdigest()

    def append(self, octets: bytearray) -> None:
        """Write ``octets``, unless the last room would be taken."""
        try:
            self._require(0)
            left = memoryview(octets)
            while left:
                left = left[os.write(self._descriptor, left) :]
            self.size_bytes += len(octets)
            if self.size_bytes - self._synced_bytes >= SYNC_BYTES:
                self._sync()
        except OSError as error:
            raise DiskRefused(f"{self.path}: {error.strerror}") from error
        self._digest.update(octets)

    def finish(self) -> None:
        """Make all of it durable, and forget what came before."""
        try:
            self._sync()
            sync_directory(self.path.parent)
            broken_part(self.path).unlink(missing_ok=True)
        except OSError as error:
            raise DiskRefused(f"{self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Leave it as it is. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _sync(self) -> None:
        os.fdatasync(self._descriptor)
        begin, self._synced_bytes = self._synced_bytes, self.size_bytes
        with suppress(OSError):  # a hint, which not all file systems take
            length = self.size_bytes - begin
            os.posix_fadvise(self._descriptor, begin, length, os.POSIX_FADV_DONTNEED)

    def _require(self, size_bytes: int) -> None:
        for guard in self._guards:
            guard.require(size_bytes)


def broken_part(part: Path) -> Path:
    """Where the longest of what came before a break is."""
    return part.with_suffix(".broken")


def keep_broken(part: Path) -> None:
    """Put what came aside, if it is more than what came before; raises OSError."""
    broken = broken_part(part)
    if not part.exists():
        return
    if not broken.exists() or broken.stat().st_size < part.stat().st_size:
        part.replace(broken)
