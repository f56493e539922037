# Folders to work in, and files that appear whole.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps names that came from elsewhere away from ffmpeg, and half files from readers.

ffmpeg sees links of ours, in a folder of ours; a quote, a ``%`` or a newline in the
path of a frame means nothing to it. What it writes gets its name once it is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import sync_directory, sync_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

STEM_CHARACTERS = 40
PARTIAL_SUFFIX = ".part"
# In the names of the folders of this process.
SESSION = secrets.token_hex(4)


@contextlib.asynccontextmanager
async def workspace(
    links: Mapping[str, Path], scratch: Path | None
) -> AsyncIterator[Path]:
    """A temporary folder below ``scratch`` with symbolic links: name to target."""
    folder = await asyncio.to_thread(_make_folder, scratch)
    try:
        await asyncio.to_thread(_link, folder, links)
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def numbered(paths: Iterable[Path], suffix: str) -> dict[str, Path]:
    """Links named 000000, 000001, … for ``paths``."""
    return {f"{number:06d}{suffix}": path for number, path in enumerate(paths)}


def _make_folder(scratch: Path | None) -> Path:
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"prusacam-{SESSION}-", dir=scratch))


def remove_left(scratch: Path) -> None:
    """Remove what earlier processes left in ``scratch``; raises OSError."""
    if scratch.is_dir():
        for folder in scratch.iterdir():
            if SESSION not in folder.name:
                shutil.rmtree(folder, ignore_errors=True)


def _link(folder: Path, links: Mapping[str, Path]) -> None:
    for name, target in links.items():
        (folder / name).symlink_to(target.absolute())


@contextlib.asynccontextmanager
async def whole_file(path: Path) -> AsyncIterator[Path]:
    """A hidden name beside ``path``; what is there at the end becomes ``path``.

    Durably, and replacing what had the name; after an error nothing remains. A kill
    leaves files that end in ``PARTIAL_SUFFIX``.
    """
    partial = partial_name(path)
    try:
        yield partial
        await asyncio.to_thread(publish, partial, path)
    except BaseException:
        await asyncio.to_thread(partial.unlink, missing_ok=True)
        raise


def partial_name(path: Path) -> Path:
    """A hidden name beside ``path`` that nobody else uses."""
    token = f"{secrets.token_hex(4)}{PARTIAL_SUFFIX}"
    return path.with_name(f".{path.stem[:STEM_CHARACTERS]}.{token}")


def publish(partial: Path, path: Path) -> None:
    """Make the file durable under its final name."""
    sync_file(partial)
    partial.rename(path)
    sync_directory(path.parent)
