# The recordings that a device has.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One folder of finished recordings, and what a crash has left of others.

What a peer asks for is compared with the names that are there. No path is ever made of
what a peer says.
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.durable import sync_directory
from moonraker_prusacam.errors import RecordingNotFound, VideoDamaged
from moonraker_prusacam.multicam.protocol.constants import file_id

from .movie import Movie

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

NAME = re.compile(r"(?P<id>[A-Za-z0-9-]{1,64}_(?P<ms>[0-9]{1,15}))\.mp4")
SUFFIX = ".mp4"
PART = ".part"
MAX_SHOWN_CHARACTERS = 80
MAX_RECORDINGS = 1000
"""However small: to list a folder takes a time for each."""


@attrs.frozen
class Recorded:
    """A finished recording. ``begin_s`` is when its first frame came, Unix seconds."""

    file_id: str
    path: Path
    size_bytes: int
    begin_s: float
    modified_s: float

    @property
    def file_name(self) -> str:
        """Its name, which is in the folder as it is told to peers."""
        return self.path.name


@attrs.frozen
class Kept:
    """How many recordings there are, and what they take."""

    files: int = 0
    size_bytes: int = 0


class Recordings:
    """The folder of one device. All methods block on the disk, and raise OSError.

    ``kept`` is what was there when the folder was last looked at.
    """

    def __init__(self, folder: Path, device_id: str) -> None:
        self.folder = folder
        self.kept = Kept()
        self._device_id = device_id

    def recover(self) -> list[Recorded]:
        """Make what an earlier process had begun final; what that was."""
        self.folder.mkdir(parents=True, exist_ok=True)
        found = []
        for part in sorted(self.folder.glob(f"*{SUFFIX}{PART}")):
            if not NAME.fullmatch(part.name.removesuffix(PART)) or part.is_symlink():
                continue
            try:
                movie = Movie.reopen(part)
                if not movie.is_whole and not movie.frames:
                    movie.close()
                    raise VideoDamaged("no frame of it was on disk")
                movie.finish()
            except VideoDamaged as error:
                log.warning("The recording %s is lost: %s", part.name, error)
                part.unlink()
                continue
            except OSError as error:
                log.warning("The recording %s waits: %s", part.name, error)
                continue
            found.append(self.publish(part))
            log.warning("The recording %s was cut short", found[-1].file_name)
        self.all()
        return found

    def part(self, begin_s: float) -> Path:
        """Where to write a recording that begins then; the file is not there yet."""
        while True:
            path = self.folder / (file_id(self._device_id, begin_s) + SUFFIX)
            part = path.with_name(path.name + PART)
            if not path.exists() and not part.exists():
                return part
            begin_s += 0.001

    def publish(self, part: Path) -> Recorded:
        """Give a finished file its name, durably."""
        path = part.with_name(part.name.removesuffix(PART))
        part.rename(path)
        sync_directory(self.folder)
        recorded = _recorded(path, path.stat())
        if recorded is None:
            raise VideoDamaged(f"{path.name} is no name of a recording")
        return recorded

    def all(self) -> list[Recorded]:
        """Those that are there now, newest first."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False):
                    continue
                recorded = _recorded(self.folder / entry.name, entry.stat())
                if recorded is not None:
                    found.append(recorded)
        self.kept = Kept(len(found), sum(each.size_bytes for each in found))
        return sorted(found, key=lambda each: (-each.begin_s, each.file_id))

    def find(self, *keys: str | None) -> Recorded:
        """The one that any of ``keys`` is id or name of; raises RecordingNotFound."""
        by_key: dict[str, Recorded] = {}
        for each in self.all():
            by_key[each.file_id] = by_key[each.file_name] = each
        for key in keys:
            if key is not None and key in by_key:
                return by_key[key]
        shown = next((key for key in keys if key), "")[:MAX_SHOWN_CHARACTERS]
        raise RecordingNotFound(f"there is no recording {shown!r}")

    def trim(self, max_bytes: int, keep: Recorded | None = None) -> list[str]:
        """Remove the oldest ones beyond ``max_bytes``, never ``keep``; their names."""
        left, removed = max_bytes, []
        for number, each in enumerate(self.all()):
            left -= each.size_bytes
            if (left < 0 or number >= MAX_RECORDINGS) and each != keep:
                each.path.unlink(missing_ok=True)
                removed.append(each.file_name)
        if removed:
            self.all()
            log.info("Removed the oldest recordings: %s", ", ".join(removed))
        return removed


def _recorded(path: Path, stat: os.stat_result) -> Recorded | None:
    match = NAME.fullmatch(path.name)
    if match is None:
        return None
    return Recorded(
        file_id=match["id"],
        path=path,
        size_bytes=stat.st_size,
        begin_s=int(match["ms"]) / 1000,
        modified_s=stat.st_mtime,
    )
