# A recording of a camera of ours, as one of the videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over a file of this host without a copy: as another name of what is there.

An SD card has neither the room nor the life for each recording twice. Nobody writes to
a finished recording: whoever makes something else of it renames that over one name.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import sync_directory
from moonraker_prusacam.errors import DiskRefused

from .download import Fetched, Pace
from .part_file import broken_part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ_BYTES = 1 << 20


async def take_over(
    source: Path,
    path: Path,
    rate: Callable[[], float],
    progress: Callable[[int, int], None],
) -> Fetched | None:
    """``path`` as a second name of ``source``; None where that cannot be.

    File systems without hard links, or two of them, cannot: then it has to be fetched.
    ``rate`` and ``progress`` as for a download; all is read, for its digest. Raises
    DiskRefused where it cannot be read.
    """
    try:
        descriptor = await asyncio.to_thread(_link, source, path)
    except OSError:
        return None
    digest, size_bytes, pace = hashlib.sha256(), 0, Pace()
    try:
        length_bytes = os.fstat(descriptor).st_size
        while octets := await asyncio.to_thread(_read, descriptor, size_bytes):
            await asyncio.to_thread(digest.update, octets)
            size_bytes += len(octets)
            pace.came(len(octets))
            progress(size_bytes, length_bytes)
            await pace.keep(rate())
    except OSError as error:
        raise DiskRefused(f"{path}: {error.strerror}") from error
    finally:
        await asyncio.to_thread(os.close, descriptor)
    return Fetched(path, size_bytes, digest.hexdigest(), source.suffix, source.name)


def _link(source: Path, path: Path) -> int:
    """Make the second name durable; its file, open."""
    for earlier in (path, broken_part(path)):
        earlier.unlink(missing_ok=True)
    path.hardlink_to(source)
    sync_directory(path.parent)
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _read(descriptor: int, offset: int) -> bytes:
    octets = os.pread(descriptor, READ_BYTES, offset)
    with suppress(OSError):  # a hint, which not all file systems take
        flag = os.POSIX_FADV_DONTNEED
        os.posix_fadvise(descriptor, offset, len(octets), flag)
    return octets
