# A file on its way to this host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The octets that are there, and of which file they are.

After a break the rest is fetched, if the server can tell that it is of the same file:
that takes its strong ETag, or its Last-Modified (RFC 9110, 8.8). After a power cut a
file may be longer than what is in it, so only what was synced counts then.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.durable import sync_file, write_file
from moonraker_prusacam.errors import DiskRefused
from moonraker_prusacam.records import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from moonraker_prusacam.disk import DiskGuard

SYNC_BYTES = 8 << 20
MAX_NOTE_BYTES = 64 << 10


@attrs.define
class Origin:
    """What is known of the file; ``synced`` octets of it survive a power cut.

    ``length`` is None where the server did not tell. ``is_whole``: all are there.
    """

    validator: str = ""
    length: int | None = None
    synced: int = 0
    boot_id: str = ""
    is_whole: bool = False


class PartFile:
    """A file that grows; blocks on the disk, and raises DiskRefused.

    ``guards`` say what is to stay free: here, and where the file will go.
    """

    def __init__(self, path: Path, guards: Sequence[DiskGuard] = ()) -> None:
        self.path = path
        self.origin = Origin()
        self.size = 0
        self._note = path.with_name(f"{path.name}.json")
        self._guards = guards

    @property
    def is_whole(self) -> bool:
        """Whether all octets are there, and durable."""
        return self.origin.is_whole

    @property
    def has_all(self) -> bool:
        """Whether as many octets are there as the server told."""
        return self.is_whole or (self.size > 0 and self.size == self.origin.length)

    def resume(self) -> int:
        """Take up what is there; how many octets of it can be gone on from."""
        origin = self._noted()
        with _disk(self.path):
            there = self.path.stat().st_size if self.path.exists() else 0
            good = there
            if origin.boot_id != boot_id():
                good = min(there, origin.synced)
            if not (origin.validator or origin.is_whole):
                good = 0
            if origin.length is not None and good > origin.length:
                good = 0
            origin.is_whole = origin.is_whole and good == origin.length
            if good < there:
                os.truncate(self.path, good)
        self.origin, self.size = origin, good
        return good

    def begin(self, validator: str, length: int | None) -> None:
        """Start with nothing of a file; the old content goes before the new note."""
        with _disk(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(b"")
            self.size = 0
            self.origin = Origin(validator, length, boot_id=boot_id())
            self._save()
        self.require_room((length or 0) - self.size)

    def append(self, data: bytes | bytearray) -> None:
        """Add ``data``; made durable every few megabytes."""
        self.require_room(len(data))
        with _disk(self.path):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                view = memoryview(data)
                while view:
                    # At its place: a write that ends late, of a download that was
                    # given up, harms nobody.
                    written = os.pwrite(descriptor, view, self.size)
                    self.size += written
                    view = view[written:]
            finally:
                os.close(descriptor)
        if self.size - self.origin.synced >= SYNC_BYTES:
            self.sync()

    def sync(self) -> None:
        """Make what is there durable."""
        with _disk(self.path):
            sync_file(self.path)
            self.origin.synced, self.origin.boot_id = self.size, boot_id()
            self._save()

    def finish(self) -> None:
        """All is there: make it durable, with its length."""
        self.origin.length, self.origin.is_whole = self.size, True
        self.sync()

    def discard(self) -> None:
        """Leave nothing. Idempotent."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        self.origin, self.size = Origin(), 0

    def require_room(self, size_bytes: int) -> None:
        """Raise DiskRefused if so much more takes what is to stay free."""
        for guard in self._guards:
            with _disk(guard.path):
                guard.require(size_bytes)

    def _noted(self) -> Origin:
        try:
            origin = read_record(self._note, Origin, MAX_NOTE_BYTES)
        except (OSError, ValueError):
            return Origin()
        is_sound = origin.synced >= 0 and (origin.length is None or origin.length > 0)
        return origin if is_sound else Origin()

    def _save(self) -> None:
        write_file(self._note, json.dumps(attrs.asdict(self.origin)).encode())


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Tell a failure of the disk from one of the network, which is an OSError, too."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DiskRefused(f"{path}: {reason}") from error
