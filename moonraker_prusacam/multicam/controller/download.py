# A recording from a device to this host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GET_VIDEO into a file that grows beside others' of the same recording.

The protocol knows no ranges, so what broke is fetched again from its beginning. Some
devices remove a recording once it was asked for; so what came before the break is kept
until there is something better. What the device says of name and size is checked and
never made part of a path.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.durable import sync_directory
from moonraker_prusacam.errors import (
    DiskRefused,
    MultiCamMalformed,
    MultiCamRefused,
)
from moonraker_prusacam.multicam.protocol.commands import CommandMessage

from .exchange import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moonraker_prusacam.disk import DiskGuard
    from moonraker_prusacam.multicam.protocol.answers import AnswerReader
    from moonraker_prusacam.multicam.protocol.responses import FileResponse
    from moonraker_prusacam.multicam_options import Address

HEADER_TIMEOUT_S = 600.0  # some devices pack the file first
STALL_TIMEOUT_S = 60.0
WRITE_BYTES = 1 << 20
MB = 1e6

SUFFIXES = (".mp4", ".mov", ".zip")
# What the first octets of such files are: ISO 14496-12 and QuickTime boxes, or a ZIP.
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
ZIP = b"PK\x03\x04"
PROBE_BYTES = 12


@attrs.frozen
class Recording:
    """What a device calls a recording; one of the two, or both."""

    file_id: str | None = None
    file_name: str | None = None

    @property
    def command(self) -> CommandMessage:
        """Asks for it, in the words of every dialect."""
        return CommandMessage.get_video(self.file_id, file_name=self.file_name)

    def is_named_by(self, header: FileResponse) -> bool:
        """Whether the header is that of this recording."""
        told = {header.fileId, header.fileName, PurePosixPath(header.fileName).stem}
        return bool(told & {self.file_id, self.file_name})


@attrs.frozen
class Fetched:
    """A whole file, durable; ``suffix`` is by what is in it."""

    path: Path
    size_bytes: int
    sha256: str
    suffix: str
    told_name: str


class Download:
    """Fetches recordings; one object for all devices, without a state of its own."""

    def __init__(self, max_bytes: int, guards: Sequence[DiskGuard]) -> None:
        self._max_bytes = max_bytes
        self._guards = guards

    async def fetch(
        self,
        address: Address,
        recording: Recording,
        part: Path,
        progress: Callable[[int, int], None],
    ) -> Fetched:
        """Bring the recording to ``part``; raises MultiCamError or DiskRefused.

        ``progress`` is told how many octets are there, of how many.
        """
        async with connected(address) as (answers, writer):
            writer.write(recording.command.to_bytes())
            header = await answers.file_header(HEADER_TIMEOUT_S)
            self._check(header, recording)
            size_bytes = header.fileSize
            await asyncio.to_thread(self._begin, part, size_bytes)
            sha256 = await self._receive(answers, size_bytes, part, progress)
        suffix = await asyncio.to_thread(_finish, part, header.fileName)
        return Fetched(part, header.fileSize, sha256, suffix, header.fileName)

    def _check(self, header: FileResponse, recording: Recording) -> None:
        if not recording.is_named_by(header):
            raise MultiCamMalformed("the device sends another file than was asked for")
        if header.fileSize == 0:
            raise MultiCamRefused("the device's file is empty")
        if header.fileSize > self._max_bytes:
            raise MultiCamRefused(
                f"{header.fileSize / MB:.0f} MB are more than max_download_mb"
            )

    def _begin(self, part: Path, size_bytes: int) -> None:
        """Make room; what an earlier try brought is kept if it is the most yet."""
        try:
            for guard in self._guards:
                guard.path.mkdir(parents=True, exist_ok=True)
                guard.require(size_bytes)
            keep_broken(part)
            part.write_bytes(b"")
        except OSError as error:
            raise DiskRefused(f"{part}: {error.strerror}") from error

    async def _receive(
        self,
        answers: AnswerReader,
        size_bytes: int,
        part: Path,
        progress: Callable[[int, int], None],
    ) -> str:
        """The file's octets to the disk, a few at a time; their SHA-256."""
        digest = hashlib.sha256()
        received = 0
        held = bytearray()
        try:
            async for chunk in answers.chunks(size_bytes, STALL_TIMEOUT_S):
                held += chunk
                if len(held) >= WRITE_BYTES:
                    octets, held = held, bytearray()
                    await asyncio.to_thread(_append, part, octets, digest)
                    received += len(octets)
                    progress(received, size_bytes)
        finally:
            # What came before a break may be all that there ever is.
            await asyncio.to_thread(_append, part, held, digest)
        progress(size_bytes, size_bytes)
        return digest.hexdigest()


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


def _append(part: Path, octets: bytearray, digest: hashlib._Hash) -> None:
    try:
        with part.open("ab") as file:
            file.write(octets)
    except OSError as error:
        raise DiskRefused(f"{part}: {error.strerror}") from error
    digest.update(octets)


def _finish(part: Path, told_name: str) -> str:
    """Make the file durable; its suffix, by its content. Raises MultiCamMalformed."""
    try:
        with part.open("rb") as file:
            begin = file.read(PROBE_BYTES)
            os.fsync(file.fileno())
        sync_directory(part.parent)
        broken_part(part).unlink(missing_ok=True)
    except OSError as error:
        raise DiskRefused(f"{part}: {error.strerror}") from error
    told = PurePosixPath(told_name).suffix.lower()
    if begin.startswith(ZIP):
        return ".zip"
    if begin[4:8] in BOXES:
        return told if told in SUFFIXES[:2] else SUFFIXES[0]
    raise MultiCamMalformed("what the device sent is no video")
