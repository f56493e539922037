# Files into the folder of videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file appears where the UIs look by one rename: they see the whole file or none.

What belongs to a video goes before it: after a kill it is there with all, or not.
"""

from __future__ import annotations

import errno
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .disk import require_room
from .durable import sync_directory, sync_file
from .errors import DiskRefused, TimelapseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def publish(source: Path, target: Path) -> None:
    """Move ``source``, which is durable, to ``target``.

    Raises OSError, and TimelapseError where a copy would take the last room.
    """
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: the copy is hidden until it is whole.
        require_room(target.parent, source.stat().st_size)
        hidden = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(source, hidden)
            sync_file(hidden)
            hidden.rename(target)
        except OSError:
            hidden.unlink(missing_ok=True)
            raise
        source.unlink()
    sync_directory(target.parent)


def publish_video(source: Path, video: Path, beside: Mapping[Path, Path]) -> None:
    """Move ``source`` to ``video``, behind the files of ``beside`` to theirs.

    Those go again where a new video fails. Raises as ``publish`` does.
    """
    is_new = not video.exists()
    try:
        for moved, target in (*beside.items(), (source, video)):
            publish(moved, target)
    except (OSError, TimelapseError):
        for target in beside.values() if is_new else ():
            target.unlink(missing_ok=True)
        raise


@contextmanager
def publishing_to(folder: Path) -> Iterator[None]:
    """The folder, made if need be; what the disk does not take is a DiskRefused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        place = error.filename or folder
        raise DiskRefused(f"{place}: {error.strerror}") from error
    except TimelapseError as error:
        raise DiskRefused(str(error)) from error
