# Tests of records on the disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stands in a file, and wherever a kill came, the others are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.records import (
    IDENTITY,
    REMOVED,
    RecordFolder,
    load_folders,
    new_identity,
    read_record,
)

if TYPE_CHECKING:
    from pathlib import Path

DAMAGED = [
    b"",
    b"\xff",
    b'{"name": "a"',
    b"[]",
    b"7",
    b"null",
    b"{}",
    b'{"name": "a", "count": "many"}',
    b'{"name": "a", "count": null}',
    b"[" * 100_000,
]


@attrs.define(kw_only=True)
class Note:
    """What a test keeps."""

    schema: int = 1
    name: str
    count: int = 0


class Folder(RecordFolder[Note]):
    """Where a test keeps it."""

    record_class = Note
    record_name = "note.json"
    error = TimelapseError

    @classmethod
    def load(cls, path: Path) -> Folder:
        return cls(path, cls.read(path))


def made(parent: Path, name: str = "a") -> Folder:
    folder = Folder(parent / new_identity(), Note(name=name))
    folder.make()
    return folder


def test_folder_when_made_and_saved_then_read_as_it_was(tmp_path: Path) -> None:
    folder = made(tmp_path / "new")
    assert IDENTITY.fullmatch(folder.path.name)
    folder.record.count = 3
    folder.save()
    assert Folder.load(folder.path).record == Note(name="a", count=3)
    assert [path.name for path in folder.path.iterdir()] == ["note.json"]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: ascii(content[:12]))
def test_record_when_damaged_then_told_with_its_file(
    tmp_path: Path, content: bytes
) -> None:
    folder = made(tmp_path)
    file = folder.path / "note.json"
    file.write_bytes(content)
    with pytest.raises(TimelapseError) as error:
        Folder.load(folder.path)
    assert str(error.value) == f"{file} is damaged"


def test_record_when_longer_than_allowed_then_damaged(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    file.write_text(json.dumps({"name": "x" * 100}))
    assert read_record(file, Note, file.stat().st_size).name == "x" * 100
    with pytest.raises(ValueError, match="Expecting"):
        read_record(file, Note, file.stat().st_size - 1)


def test_record_when_of_a_newer_version_then_refused(tmp_path: Path) -> None:
    folder = made(tmp_path)
    folder.record.schema = 2
    folder.save()
    with pytest.raises(TimelapseError, match="newer version"):
        Folder.load(folder.path)


def test_folder_when_it_cannot_be_made_then_nothing_is_left(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_bytes(b"")
    with pytest.raises(TimelapseError, match="Not a directory"):
        made(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

    class Unwritable(Folder):
        record_name = "nowhere/note.json"

    with pytest.raises(TimelapseError, match="No such file"):
        Unwritable(tmp_path / new_identity(), Note(name="a")).make()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folder_when_cleared_and_removed_then_gone(tmp_path: Path) -> None:
    folder = made(tmp_path)
    folder.path.joinpath("frame.jpg").write_bytes(b"x")
    folder.clear()
    assert [path.name for path in folder.path.iterdir()] == ["note.json"]
    folder.remove()
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_folders_when_loaded_then_kills_are_cleared_and_others_kept(
    tmp_path: Path,
) -> None:
    names = [f"20260101-0000{number:02}-0123abcd" for number in range(20)]
    whole, others = names[:16], names[16:]
    for name in reversed(whole):
        Folder(tmp_path / name, Note(name=name)).make()
    half_made, half_removed = tmp_path / others[0], tmp_path / f"{REMOVED}{others[1]}"
    for path in (half_made, half_removed, tmp_path / "somebody's"):
        path.mkdir()
        path.joinpath("part").write_bytes(b"x")
    tmp_path.joinpath(others[2]).write_bytes(b"no folder")
    damaged = Folder(tmp_path / others[3], Note(name="x"))
    damaged.make()
    damaged.path.joinpath("note.json").write_bytes(b"{")
    folders, odd = load_folders(tmp_path, Folder, Folder.load)
    assert [folder.record.name for folder in folders] == whole
    assert odd == [f"{damaged.path / 'note.json'} is damaged"]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [*whole, *others[2:], "somebody's"]
