# The newest frame, as the panels of Mainsail and Fluidd look for it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder with one file, ``frame000123.jpg``: the last frame of the running print.

Fluidd makes the name of the number of frames and the extension, Mainsail shows what the
page has cached under a name it knows. So the number counts from 1 in every print, and
the extension is spelt another way: letters' case means nothing to who serves it.
"""

from __future__ import annotations

import itertools
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job

SPELLINGS = tuple(
    "".join(letters)
    for word in ("jpg", "jpeg", "jpe")
    for letters in itertools.product(*((small, small.upper()) for small in word))
)


class Panel:
    """Owns the folder; ``show`` does I/O and belongs into a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frame_count = 0
        self.frame_file = ""
        self._job_id = ""
        self._spelling = 0

    def open(self) -> None:
        """Find what an earlier run showed last; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.iterdir(), key=_age):
            suffix = path.suffix.removeprefix(".")
            number = path.stem.removeprefix("frame")
            if suffix in SPELLINGS and number.isdecimal():
                self.frame_file, self.frame_count = path.name, int(number)
                self._spelling = SPELLINGS.index(suffix)
        self._clear()

    def show(self, job: Job, number: int) -> None:
        """Show the newest frame of ``job`` as its ``number``-th; raises OSError."""
        if job.record.id != self._job_id:
            if self._job_id or self.frame_file:
                self._spelling = (self._spelling + 1) % len(SPELLINGS)
            self._job_id = job.record.id
        name = f"frame{number:06d}.{SPELLINGS[self._spelling]}"
        path = self.folder / name
        temporary = self.folder / f".{name}"
        temporary.unlink(missing_ok=True)
        try:
            temporary.hardlink_to(job.newest)
        except OSError:
            shutil.copyfile(job.newest, temporary)
        temporary.replace(path)
        self.frame_file, self.frame_count = name, number
        self._clear()

    def _clear(self) -> None:
        for old in self.folder.iterdir():
            if old.name != self.frame_file:
                with suppress(OSError):
                    old.unlink()


def _age(path: Path) -> tuple[int, str]:
    return path.lstat().st_mtime_ns, path.name
