# A downloaded file to where Klipper prints from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves a whole file into the gcodes root, by one rename.

It grows outside of the root, so that Moonraker does not look at it with every block.
On another file system the last step is a hidden copy beside its place, then the rename.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import DiskRefused, FileRejected

from .paths import Folder, require_free

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.disk import DiskGuard

    from .paths import Place

HASH_BLOCK_BYTES = 1 << 20
MB = 1e6
LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
COPY_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def check(path: Path, digests: dict[str, str]) -> None:
    """Raise FileRejected unless the file has these hashes; blocks for a while."""
    known = {name: hashlib.new(name, usedforsecurity=False) for name in digests}
    with path.open("rb") as file:
        while known and (block := file.read(HASH_BLOCK_BYTES)):
            for digest in known.values():
                digest.update(block)
    for name, digest in known.items():
        if digest.hexdigest() != digests[name]:
            raise FileRejected(f"the file is damaged: its {name} is another")


def deliver(part: Path, root: Path, place: Place, guard: DiskGuard) -> None:
    """Move ``part`` to ``place``, where nothing is; durable when it returns.

    ``guard`` says what stays free where it goes. Blocks on the disk; raises
    CommandRejected, and DiskRefused.
    """
    try:
        require_free(root, place)
        with Folder(root, place.parts[:-1]) as folder:
            try:
                os.rename(part, place.name, dst_dir_fd=folder)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                # A part whose length nobody told was not known to need that room.
                if lacking := guard.lacking_for(part.stat().st_size):
                    raise DiskRefused(
                        f"{lacking / MB:.1f} MB too little are free at {guard.path}"
                    ) from None
                _copy(part, place, folder)
            _sync(folder)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DiskRefused(f"{place.shown}: {reason}") from error


def clear(root: Path, place: Place) -> None:
    """Remove what a copy to ``place`` left that was cut off. Idempotent."""
    with contextlib.suppress(OSError), Folder(root, place.parts[:-1]) as folder:
        os.unlink(_hidden(place), dir_fd=folder)


def _copy(part: Path, place: Place, folder: int) -> None:
    hidden = _hidden(place)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(hidden, dir_fd=folder)
    descriptor = os.open(hidden, COPY_FLAGS, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as copy, part.open("rb") as file:
            shutil.copyfileobj(file, copy, HASH_BLOCK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
        os.rename(hidden, place.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(hidden, dir_fd=folder)
        raise
    part.unlink(missing_ok=True)


def _hidden(place: Place) -> str:
    return f".{place.name}.part"


def _sync(folder: int) -> None:
    # A descriptor that was opened as a mere path cannot be synced itself.
    descriptor = os.open(
        ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder
    )
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
