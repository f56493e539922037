# Frames into a ZIP.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs files into an archive, one piece at a time, in a thread of its own.

The pictures are stored as they are: a JPEG does not get smaller.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import zipfile
from typing import IO, TYPE_CHECKING

from moonraker_prusacam.errors import TimelapseError

from .staging import partial_name, publish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PIECE_BYTES = 256 << 10
# Left for the print, whatever else the disk holds.
MIN_FREE_BYTES = 256 << 20


async def write_archive(
    files: Sequence[tuple[str, Path]],
    archive: Path,
    *,
    min_free_bytes: int = MIN_FREE_BYTES,
) -> int:
    """Store ``files``, name in the archive and path, to ``archive``; returns its size.

    The archive appears whole, or not at all: also when this is cancelled, which waits
    for the thread to notice. Files that are gone are left out. Raises TimelapseError.
    """
    cancelled = threading.Event()
    work = asyncio.get_running_loop().run_in_executor(
        None, _write, files, archive, min_free_bytes, cancelled
    )
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        cancelled.set()
        await asyncio.wait([work])
        work.exception()
        raise
    except OSError as error:
        raise TimelapseError(f"{archive}: {error.strerror}") from error


def _write(
    files: Sequence[tuple[str, Path]],
    archive: Path,
    min_free_bytes: int,
    cancelled: threading.Event,
) -> int:
    partial = partial_name(archive)
    try:
        with zipfile.ZipFile(partial, "x", zipfile.ZIP_STORED) as stored:
            for name, path in files:
                if cancelled.is_set():
                    raise TimelapseError("cancelled")
                if shutil.disk_usage(archive.parent).free < min_free_bytes:
                    raise TimelapseError(
                        f"less than {min_free_bytes >> 20} MiB are free at"
                        f" {archive.parent}"
                    )
                _store(stored, name, path, cancelled)
        size_bytes = partial.stat().st_size
        publish(partial, archive)
    finally:
        partial.unlink(missing_ok=True)
    return size_bytes


def _store(
    stored: zipfile.ZipFile, name: str, path: Path, cancelled: threading.Event
) -> None:
    try:
        source: IO[bytes] = path.open("rb")
    except FileNotFoundError:
        return
    with source:
        # A date before 1980 is none that a ZIP can hold.
        entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
        with stored.open(entry, "w") as target:
            while piece := source.read(PIECE_BYTES):
                if cancelled.is_set():
                    raise TimelapseError("cancelled")
                target.write(piece)
