# Files into the folder of videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file appears where the UIs look by one rename: they see the whole file or none."""

from __future__ import annotations

import errno
import shutil
from typing import TYPE_CHECKING

from .disk import require_room
from .durable import sync_directory, sync_file

if TYPE_CHECKING:
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
