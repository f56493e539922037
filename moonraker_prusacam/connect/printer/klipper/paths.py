# Names of files as Prusa Connect says them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From ``/gcodes/folder/name`` to a place inside of the gcodes root, or a refusal.

Every part is looked at by itself, first its name, then what is there: the way is walked
folder by folder without following links, so nothing outside can be reached, whatever
the names are. Limits and forbidden characters: Prusa's printer SDK 0.8.1, constants.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import CommandRejected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORAGE = "gcodes"
MAX_FILE_BYTES = 248
MAX_FOLDER_BYTES = 255
MAX_DEPTH = 16
MAX_PATH_BYTES = 2048
# The SDK's, and ``;``, from which on Klipper takes a command for a comment.
FORBIDDEN = frozenset('\\?"%¯°#ˇ;')
# Control, format (which turn text around), surrogates, unassigned, line separators.
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
# Klipper klippy/extras/virtual_sdcard.py, VALID_GCODE_EXTS: others are not printed.
PRINTABLE = frozenset({".gcode", ".g", ".gco"})
FOLDER_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.frozen
class Place:
    """Somewhere inside of the gcodes root; no parts are the root itself."""

    parts: tuple[str, ...]

    @property
    def relative(self) -> str:
        """As Klipper and Moonraker say it, below the root."""
        return "/".join(self.parts)

    @property
    def shown(self) -> str:
        """As Prusa Connect says it."""
        return "/" + "/".join((STORAGE, *self.parts))

    @property
    def name(self) -> str:
        """The last part."""
        return self.parts[-1] if self.parts else STORAGE

    @property
    def is_printable(self) -> bool:
        """Whether Klipper would print a file of this name."""
        return os.path.splitext(self.name)[1] in PRINTABLE  # noqa: PTH122

    def contains(self, relative: str) -> bool:
        """Whether ``relative`` is this place or lies below it."""
        return tuple(relative.split("/"))[: len(self.parts)] == self.parts

    def under(self, root: Path) -> Path:
        """The path on the disk."""
        return root.joinpath(*self.parts)


def parse_file(path: object) -> Place:
    """The place of a file; raises CommandRejected with what is wrong with it."""
    place = _parse(path)
    if not place.parts:
        raise CommandRejected(f"{place.shown} is no file")
    if len(place.name.encode()) > MAX_FILE_BYTES:
        raise CommandRejected(f"the name has more than {MAX_FILE_BYTES} bytes")
    return place


def parse_folder(path: object) -> Place:
    """The place of a folder below the root; raises CommandRejected."""
    if isinstance(path, str) and path.endswith("/"):
        path = path[:-1]
    place = _parse(path)
    if not place.parts:
        raise CommandRejected("the storage itself can be neither made nor deleted")
    return place


def fault_of(name: str) -> str:
    """Why a file or folder of ours cannot have ``name``; empty if it can."""
    if name in ("", ".", ".."):
        return "the path has an empty part, '.' or '..'"
    if any(unicodedata.category(letter) in INVISIBLE for letter in name):
        return "a name has invisible characters"
    if bad := sorted(FORBIDDEN.intersection(name)):
        return f"a name has forbidden characters: {' '.join(bad)}"
    if name.startswith("."):
        return "hidden files and folders are left alone"
    if name != name.strip():
        return "a name begins or ends with a blank"
    if len(name.encode()) > MAX_FOLDER_BYTES:
        return f"a name has more than {MAX_FOLDER_BYTES} bytes"
    return ""


def status_of(root: Path, place: Place) -> os.stat_result | None:
    """What is at ``place``, None if nothing; blocks on the disk.

    Raises CommandRejected if the way there, or what is there, is a link or special.
    """
    if not place.parts:
        return root.stat()
    try:
        with Folder(root, place.parts[:-1]) as folder:
            found = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandRejected(_words(place, error)) from error
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise CommandRejected(f"{place.shown} is a link or a device")
    return found


def require_file(root: Path, place: Place) -> os.stat_result:
    """The file at ``place``; blocks on the disk, raises CommandRejected."""
    found = status_of(root, place)
    if found is None:
        raise CommandRejected(f"{place.shown} does not exist")
    if not stat.S_ISREG(found.st_mode):
        raise CommandRejected(f"{place.shown} is a folder")
    return found


def require_folder(root: Path, place: Place) -> os.stat_result:
    """The folder at ``place``; blocks on the disk, raises CommandRejected."""
    found = status_of(root, place)
    if found is None:
        raise CommandRejected(f"{place.shown} does not exist")
    if not stat.S_ISDIR(found.st_mode):
        raise CommandRejected(f"{place.shown} is no folder")
    return found


def require_free(root: Path, place: Place) -> None:
    """Raise CommandRejected unless ``place`` can be made; blocks on the disk."""
    if status_of(root, place) is not None:
        raise CommandRejected(f"{place.shown} exists already")
    require_folder(root, Place(place.parts[:-1]))


class Folder:
    """A descriptor of a folder below ``root``, reached without following links."""

    def __init__(self, root: Path, parts: tuple[str, ...]) -> None:
        self._root = root
        self._parts = parts

    def __enter__(self) -> int:
        # The root itself may be a link: that is its owner's word.
        flags = FOLDER_FLAGS & ~os.O_NOFOLLOW
        self._descriptor = os.open(self._root, flags)
        try:
            for part in self._parts:
                below = os.open(part, FOLDER_FLAGS, dir_fd=self._descriptor)
                os.close(self._descriptor)
                self._descriptor = below
        except BaseException:
            os.close(self._descriptor)
            raise
        return self._descriptor

    def __exit__(self, *error: object) -> None:
        os.close(self._descriptor)


def _parse(path: object) -> Place:
    parts = tuple(_parts(path))
    for part in parts:
        if fault := fault_of(part):
            raise CommandRejected(fault)
    return Place(parts)


def _parts(path: object) -> Iterator[str]:
    if not isinstance(path, str) or not path:
        raise CommandRejected("the command has no path")
    # One byte a character is the least.
    if len(path) > MAX_PATH_BYTES or len(path.encode(errors="replace")) > (
        MAX_PATH_BYTES
    ):
        raise CommandRejected(f"the path has more than {MAX_PATH_BYTES} bytes")
    first, *parts = path.split("/")
    if first or not parts or parts.pop(0) != STORAGE:
        raise CommandRejected(f"there is no storage but /{STORAGE}")
    if len(parts) > MAX_DEPTH:
        raise CommandRejected(f"the path has more than {MAX_DEPTH} parts")
    yield from parts


def _words(place: Place, error: OSError) -> str:
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        return f"the way to {place.shown} leads through a link or a file"
    return f"{place.shown}: {error.strerror or type(error).__name__}"
