# Tests of the fingerprint.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of good and bad fingerprint files, on real files."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.connect.identity import load_or_create_fingerprint
from moonraker_prusacam.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_fingerprint_when_there_is_no_file_then_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "front.fingerprint"
    fingerprint = load_or_create_fingerprint(path)
    assert re.fullmatch(r"[0-9a-f]{32}", fingerprint)
    assert load_or_create_fingerprint(path) == fingerprint
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_fingerprint_when_made_twice_then_they_differ(tmp_path: Path) -> None:
    first = load_or_create_fingerprint(tmp_path / "a")
    assert load_or_create_fingerprint(tmp_path / "b") != first


def test_fingerprint_when_made_then_synced_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fingerprint"
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def told(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(("folder" if is_folder else "file", path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", told)
    load_or_create_fingerprint(path)
    assert synced == [("file", False), ("folder", True)]


@pytest.mark.parametrize(
    "content",
    [b"0123456789abcdef", b"x" * 64, b"!~:/-_.,;{}()[]#", b"  " + b"y" * 20 + b" \r\n"],
)
def test_fingerprint_when_the_file_is_valid_then_used_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "fingerprint"
    path.write_bytes(content)
    assert load_or_create_fingerprint(path) == content.decode().strip()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"0123456789abcde",
        b"x" * 65,
        b"x" * 5000,
        b"0123456789 abcdef0",
        b"0123456789abcdef\n0123456789abcdef",
        b"0123456789\tabcdef0",
        b"0123456789abcdef\x00",
        b"0123456789abcdef\x7f",
        "0123456789abcdefé".encode(),
        b"\xff\xfe0123456789abcdef",
        b"\x00" * 32,
    ],
)
def test_fingerprint_when_the_file_is_damaged_then_named_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "front.fingerprint"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_or_create_fingerprint(path)
    assert str(path) in str(caught.value)
    assert "damaged" in str(caught.value)
    assert "0123456789" not in str(caught.value)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_fingerprint_when_the_path_is_a_folder_then_config_error(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path))):
        load_or_create_fingerprint(tmp_path)


def test_fingerprint_when_the_folder_is_a_file_then_config_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="fingerprint"):
        load_or_create_fingerprint(tmp_path / "file" / "fingerprint")


@pytest.mark.parametrize("function", ["os.fsync", "pathlib.Path.replace"])
def test_fingerprint_when_the_disk_fails_then_config_error_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(function, fail)
    with pytest.raises(ConfigError, match="No space left"):
        load_or_create_fingerprint(tmp_path / "fingerprint")
    assert list(tmp_path.iterdir()) == []
