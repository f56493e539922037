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
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import (
    DiskRefused,
    MultiCamMalformed,
    MultiCamRefused,
    MultiCamUnavailable,
)
from moonraker_prusacam.multicam.protocol.commands import CommandMessage

from .exchange import connected
from .part_file import PartFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moonraker_prusacam.disk import DiskGuard
    from moonraker_prusacam.multicam.protocol.answers import AnswerReader
    from moonraker_prusacam.multicam.protocol.responses import FileResponse
    from moonraker_prusacam.multicam_options import Address

HEADER_TIMEOUT_S = 600.0  # some devices pack the file first
STALL_TIMEOUT_S = 60.0
LEAST_BYTES_S = 10_000.0  # over such a time; a device that trickles is as good as away
WRITE_BYTES = 1 << 20
MB = 1e6

# What the first octets of files are: ISO 14496-12 and QuickTime boxes, or a ZIP.
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
    """Fetches recordings; one object for all devices.

    ``rate`` tells how many octets a second each may take now, 0 for all it gets: what
    is for later has to make room for a print.
    """

    def __init__(
        self,
        max_bytes: int,
        guards: Callable[[], Sequence[DiskGuard]],
        rate: Callable[[], float] = float,
    ) -> None:
        self._max_bytes = max_bytes
        self._guards = guards
        self._rate = rate
        self._coming: dict[Path, int] = {}  # octets that are still to come

    async def fetch(
        self,
        address: Address,
        recording: Recording,
        path: Path,
        progress: Callable[[int, int], None],
    ) -> Fetched:
        """Bring the recording to ``path``; raises MultiCamError or DiskRefused.

        ``progress`` is told how many octets are there, of how many.
        """
        async with connected(address) as (answers, writer):
            writer.write(recording.command.to_bytes())
            header = await answers.file_header(HEADER_TIMEOUT_S)
            self._check(header, recording)
            size_bytes = self._coming[path] = header.fileSize
            try:
                coming_bytes = sum(self._coming.values())
                part = await asyncio.to_thread(
                    PartFile.create, path, coming_bytes, self._guards()
                )
                try:
                    await self._receive(answers, size_bytes, part, progress)
                finally:
                    await asyncio.to_thread(part.close)
            finally:
                del self._coming[path]
        suffix = await asyncio.to_thread(suffix_of, path)
        return Fetched(path, size_bytes, part.sha256, suffix, header.fileName)

    def _check(self, header: FileResponse, recording: Recording) -> None:
        if not recording.is_named_by(header):
            raise MultiCamMalformed("the device sends another file than was asked for")
        if header.fileSize == 0:
            raise MultiCamRefused("the device's file is empty")
        if header.fileSize > self._max_bytes:
            raise MultiCamRefused(
                f"{header.fileSize / MB:.0f} MB are more than max_download_mb"
            )

    async def _receive(
        self,
        answers: AnswerReader,
        size_bytes: int,
        part: PartFile,
        progress: Callable[[int, int], None],
    ) -> None:
        """The file's octets to the disk, a few at a time."""
        pace = Pace()
        held = bytearray()
        progress(0, size_bytes)
        try:
            async for chunk in answers.chunks(size_bytes, STALL_TIMEOUT_S):
                held += chunk
                pace.came(len(chunk))
                if len(held) >= WRITE_BYTES:
                    octets, held = held, bytearray()
                    await asyncio.to_thread(part.append, octets)
                    self._coming[part.path] = size_bytes - part.size_bytes
                    progress(part.size_bytes, size_bytes)
                    await pace.keep(self._rate())
        finally:
            # What came before a break may be all that there ever is.
            await asyncio.to_thread(part.append, held)
        await asyncio.to_thread(part.finish)
        progress(size_bytes, size_bytes)


class Pace:
    """How fast octets come: neither slower than is of any use, nor too fast."""

    def __init__(self) -> None:
        self._since_s = self._written_s = time.monotonic()
        self._bytes = self._unpaced_bytes = 0

    def came(self, size_bytes: int) -> None:
        """Note them; raises MultiCamUnavailable when they only trickle."""
        self._bytes += size_bytes
        self._unpaced_bytes += size_bytes
        passed_s = time.monotonic() - self._since_s
        if passed_s < STALL_TIMEOUT_S:
            return
        if self._bytes < LEAST_BYTES_S * passed_s:
            raise MultiCamUnavailable(
                f"only {self._bytes} octets in {passed_s:.0f} s came"
            )
        self._since_s, self._bytes = time.monotonic(), 0

    async def keep(self, bytes_s: float) -> None:
        """Wait until what has come is no more than ``bytes_s``, 0 for no limit."""
        if bytes_s:
            due_s = self._written_s + self._unpaced_bytes / bytes_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        self._written_s, self._unpaced_bytes = time.monotonic(), 0


def suffix_of(path: Path) -> str:
    """By what is in a file; raises MultiCamMalformed for what is no video.

    QuickTime is .mp4 as well: players tell the two by what is in them, and Mainsail
    lists no .mov.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(PROBE_BYTES)
    except OSError as error:
        raise DiskRefused(f"{path}: {error.strerror}") from error
    if begin.startswith(ZIP):
        return ".zip"
    if begin[4:8] in BOXES:
        return ".mp4"
    raise MultiCamMalformed("what the device sent is no video")
