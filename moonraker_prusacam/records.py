# Records on the disk: what has to outlive the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as JSON files, and folders of their own that such a record stands in.

A kill may come at any moment: a record is whole or not there, a folder without one was
never finished or is being removed.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import cattrs

from .boot import boot_id
from .durable import sync_directory, write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .errors import PrusacamError

IDENTITY = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
# What a folder is called from the moment that it is removed.
REMOVED = ".removed-"
MAX_RECORD_BYTES = 8 << 20


class Record(Protocol):
    """What each record has; ``schema`` grows when older programs cannot read it."""

    schema: int


T = TypeVar("T")
R = TypeVar("R", bound=Record)
F = TypeVar("F", bound="RecordFolder[Any]")


def new_identity() -> str:
    """A name that no other folder has; by name they are in the order of time."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"


def read_record(file: Path, cls: type[T], max_bytes: int = MAX_RECORD_BYTES) -> T:
    """The object of ``cls`` in ``file``; raises OSError, ValueError if it is none."""
    with file.open("rb") as stream:
        content = stream.read(max_bytes)
    try:
        return cattrs.structure(json.loads(content), cls)
    except (
        ValueError,
        TypeError,
        RecursionError,
        cattrs.BaseValidationError,
    ) as error:
        raise ValueError(str(error)) from error


class RecordFolder(Generic[R]):
    """A folder with a record of the class ``record_class``."""

    record_class: ClassVar[type[Any]]
    error: ClassVar[type[PrusacamError]]
    record_name: ClassVar[str] = "job.json"
    schema: ClassVar[int] = 1

    def __init__(self, path: Path, record: R) -> None:
        self.path = path
        self.record = record
        self._saving = threading.Lock()

    @classmethod
    def read(cls, path: Path) -> R:
        """The record in the folder ``path``; raises ``error`` if it is none of ours."""
        file = path / cls.record_name
        try:
            record: R = read_record(file, cls.record_class)
        except OSError as error:
            raise cls.error(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise cls.error(f"{file} is damaged") from error
        if record.schema > cls.schema:
            raise cls.error(f"{file} was written by a newer version")
        return record

    def make(self) -> None:
        """Make the folder, with its record; raises ``error``."""
        try:
            self.path.mkdir(parents=True)
            sync_directory(self.path.parent)
            self.save()
        except OSError as error:
            self.remove()
            raise self.error(f"{self.path}: {error.strerror}") from error

    def save(self) -> None:
        """Write the record, whole or not at all; raises OSError."""
        with self._saving:  # what is written last is what is true last
            text = json.dumps(cattrs.unstructure(self.record), indent=1)
            write_file(self.path / self.record_name, text.encode())

    def clear(self) -> None:
        """Unlink everything but the record; raises OSError."""
        for path in self.path.iterdir():
            if path.name != self.record_name:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the whole folder; after a kill, who finds it next goes on."""
        removed = self.path.with_name(f"{REMOVED}{self.path.name}")
        with suppress(OSError):
            self.path.rename(removed)
        for path in (removed, self.path):
            shutil.rmtree(path, ignore_errors=True)


def load_folders(
    parent: Path, kind: type[F], load: Callable[[Path], F]
) -> tuple[list[F], list[str]]:
    """All folders, the oldest first, and what is wrong with others; raises OSError.

    What a kill left half made or half removed is cleared away.
    """
    boot_id()  # reads a file, so not later on the event loop
    parent.mkdir(parents=True, exist_ok=True)
    folders, odd = [], []
    for path in sorted(parent.iterdir()):
        if path.name.startswith(REMOVED):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir() and IDENTITY.fullmatch(path.name):
            try:
                folders.append(load(path))
            except kind.error as error:
                if (path / kind.record_name).exists():
                    odd.append(str(error))
                else:
                    shutil.rmtree(path, ignore_errors=True)  # it never got its record
    return folders, odd
