# The files of a Klipper printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gcodes root as the one storage of the printer.

It is read from the disk, where that delays nobody but us, and changed through
Moonraker, which knows what is being printed and tells its other clients. Shape of the
tree and of FILE_CHANGED: what Prusa's printer SDK 0.8.1 sends.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from moonraker_prusacam.connect.printer.messages import Event, EventKind, Source
from moonraker_prusacam.errors import (
    CommandFailed,
    CommandRejected,
    MoonrakerRefused,
    MoonrakerUnavailable,
)

from .paths import (
    PRINTABLE,
    STORAGE,
    Place,
    fault_of,
    require_file,
    require_folder,
    require_free,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moonraker_prusacam.moonraker import MoonrakerClient

P = ParamSpec("P")
T = TypeVar("T")

# INFO is one message; what is more is left out, the newest files stay.
MAX_ENTRIES = 2000
MAX_DEPTH = 8
DELETE_TIMEOUT_S = 60.0
THUMBNAILS = ".thumbs"  # Moonraker's
MAX_READ = 200  # names of a folder that is asked whether it is empty


class Files:
    """Lists, makes and deletes; raises CommandRejected or CommandFailed."""

    def __init__(self, client: MoonrakerClient) -> None:
        self._client = client
        self._root: Path | None = None

    async def root(self) -> Path:
        """The folder of gcodes on this host; raises CommandRejected."""
        if self._root is None:
            try:
                roots = await self._client.call("server.files.roots")
            except (MoonrakerRefused, MoonrakerUnavailable) as error:
                raise CommandRejected(str(error)) from error
            for told in roots:
                if told.get("name") == STORAGE:
                    self._root = Path(told["path"])
        if self._root is None:
            raise CommandRejected("Moonraker knows no folder of gcodes")
        return self._root

    def forget_root(self) -> None:
        """Moonraker may come back with another one."""
        self._root = None

    async def delete_file(self, place: Place) -> None:
        """Delete the file at ``place``."""
        await _off_loop(require_file, await self.root(), place)
        await self._do("server.files.delete_file", place)

    async def delete_folder(self, place: Place, *, force: bool) -> None:
        """Delete the folder at ``place``; with what is in it only if ``force``."""
        root = await self.root()
        await _off_loop(require_folder, root, place)
        names = await _off_loop(_content, place.under(root))
        if not force:
            if shown := ", ".join(sorted(names - {THUMBNAILS})[:3]):
                raise CommandRejected(f"{place.shown} is not empty: {shown}")
            if names:  # what Moonraker left there, and nobody sees
                inside = Place((*place.parts, THUMBNAILS))
                await self._do("server.files.delete_directory", inside, force=True)
        await self._do("server.files.delete_directory", place, force=force)

    async def create_folder(self, place: Place) -> None:
        """Make a folder in one that is there."""
        await _off_loop(require_free, await self.root(), place)
        await self._do("server.files.post_directory", place)

    async def _do(self, method: str, place: Place, **params: Any) -> None:
        # Moonraker names every path by its root first.
        told = {"path": f"{STORAGE}/{place.relative}", **params}
        try:
            await self._client.call(method, told, timeout_s=DELETE_TIMEOUT_S)
        except MoonrakerRefused as error:
            raise CommandFailed(f"Moonraker: {error}") from error
        except MoonrakerUnavailable as error:
            raise CommandFailed(str(error)) from error

    async def info(self) -> dict[str, Any]:
        """``files`` and ``storages`` of INFO; raises CommandRejected."""
        return await _off_loop(_info, await self.root())

    async def changed(self, told: Mapping[str, Any]) -> Event | None:
        """The event for a ``notify_filelist_changed``; None if it concerns nobody."""
        item, source = told.get("item"), told.get("source_item")
        new, old = _place_of(item), _place_of(source)
        action = str(told.get("action"))
        if action.startswith("delete_"):
            new, old = None, new
        elif action.startswith("modify_"):
            old = new
        if new is None and old is None:
            return None
        root = await self.root()
        data = await _off_loop(_change, root, new)
        paths = {"old_path": old and old.shown, "new_path": new and new.shown}
        return Event(
            kind=EventKind.FILE_CHANGED,
            source=Source.WUI,
            data={name: path for name, path in paths.items() if path} | data,
        )


def file_type(name: str, *, is_folder: bool) -> str:
    """The type of one entry in the SDK's words."""
    if is_folder:
        return "FOLDER"
    return "PRINT_FILE" if Path(name).suffix in PRINTABLE else "FILE"


def _place_of(item: object) -> Place | None:
    """Where an entry of Moonraker's is, if Prusa Connect may know of it."""
    if not isinstance(item, dict) or item.get("root") != STORAGE:
        return None
    path = item.get("path")
    if not isinstance(path, str) or not path:
        return None
    parts = tuple(path.strip("/").split("/"))
    return None if any(map(fault_of, parts)) else Place(parts)


def _change(root: Path, place: Place | None) -> dict[str, Any]:
    data: dict[str, Any] = {"free_space": _space(root).get("free_space")}
    if place is not None:
        try:
            found = place.under(root).lstat()
        except OSError:
            return data  # gone again; that is told as well
        is_folder = stat.S_ISDIR(found.st_mode)
        data["file"] = {
            "type": file_type(place.name, is_folder=is_folder),
            "name": place.name,
            "read_only": False,
            "m_timestamp": int(found.st_mtime),
            "size": 0 if is_folder else found.st_size,
        }
        if is_folder:
            data["file"]["children"] = []
    return data


def _info(root: Path) -> dict[str, Any]:
    storage = _folder(root, STORAGE, 0, [MAX_ENTRIES])
    space = _space(root)
    top = {"type": "DIR", "name": "/", "read_only": True, "size": storage["size"]}
    return {
        "files": {**top, "children": [storage | space]},
        "storages": [
            {
                "mountpoint": f"/{STORAGE}",
                # The only type that is known to be understood.
                "type": "USB",
                "read_only": False,
                **{name: space[name] for name in ("free_space",) if name in space},
            }
        ],
    }


def _folder(path: Path, name: str, depth: int, budget: list[int]) -> dict[str, Any]:
    """A folder as a tree: printable files and folders; links and the hidden are not."""
    children: list[dict[str, Any]] = []
    with os.scandir(path) as entries:
        found = sorted(entries, key=_order)
    for entry in found:
        if fault_of(entry.name) or entry.is_symlink() or budget[0] <= 0:
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth < MAX_DEPTH:
                    budget[0] -= 1
                    children.append(
                        _folder(Path(entry.path), entry.name, depth + 1, budget)
                    )
            elif entry.is_file(follow_symlinks=False) and _is_shown(entry.name):
                budget[0] -= 1
                children.append(_file(entry))
        except OSError:
            continue  # gone, or not ours to read
    return {
        "type": "DIR",
        "name": name,
        "read_only": False,
        "m_timestamp": int(path.stat().st_mtime),
        "size": sum(child["size"] for child in children),
        "children": children,
    }


def _file(entry: os.DirEntry[str]) -> dict[str, Any]:
    found = entry.stat(follow_symlinks=False)
    return {
        "type": "FILE",
        "name": entry.name,
        "read_only": False,
        "m_timestamp": int(found.st_mtime),
        "size": found.st_size,
    }


def _order(entry: os.DirEntry[str]) -> tuple[bool, float]:
    """Files before folders, the newest first: so they are there if not all fit."""
    try:
        return entry.is_dir(follow_symlinks=False), -entry.stat(
            follow_symlinks=False
        ).st_mtime
    except OSError:
        return True, 0.0


def _is_shown(name: str) -> bool:
    return Path(name).suffix in PRINTABLE


def _space(root: Path) -> dict[str, int]:
    try:
        usage = shutil.disk_usage(root)
    except OSError:
        return {}
    return {"free_space": usage.free, "total_space": usage.total}


def _content(path: Path) -> set[str]:
    """Some of the names in a folder, hidden ones as well."""
    with os.scandir(path) as entries:
        return {entry.name for entry in itertools.islice(entries, MAX_READ)}


async def _off_loop(
    work: Callable[Concatenate[Path, P], T], root: Path, *args: P.args, **kw: P.kwargs
) -> T:
    """Look at the disk in a thread; raises CommandRejected if it fails."""
    try:
        return await asyncio.to_thread(work, root, *args, **kw)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CommandRejected(f"the disk of the gcodes: {reason}") from error
