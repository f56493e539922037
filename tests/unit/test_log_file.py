# Tests of the engine's log file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded whatever is written, whole after whatever happens to the disk."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.log_file import LogFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 2_000
FILES = 3


class Heard(logging.Handler):
    """What standard error is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "prusacam.log"


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def file(path: Path, heard: Heard) -> Iterator[LogFile]:
    it = LogFile(path, MAX_BYTES, FILES, "prusacam 1.2.3")
    it.complain_to = heard
    yield it
    it.close()


def write(file: LogFile, text: str) -> None:
    file.handle(logging.LogRecord("test", logging.INFO, "", 0, text, None, None))


def test_file_when_nothing_is_said_then_not_there(file: LogFile, path: Path) -> None:
    assert not path.parent.exists()


def test_file_when_opened_then_with_its_header_once(file: LogFile, path: Path) -> None:
    write(file, "one")
    file.close()
    write(file, "two")
    assert path.read_text() == "prusacam 1.2.3\none\ntwo\n"


def test_file_when_much_is_written_then_bounded_and_the_newest_is_kept(
    file: LogFile, path: Path
) -> None:
    for number in range(2_000):
        write(file, f"line {number:04d}")
    names = sorted(entry.name for entry in path.parent.iterdir())
    assert names == ["prusacam.log", "prusacam.log.1", "prusacam.log.2"]
    texts = [(path.parent / name).read_text() for name in reversed(names)]
    assert all(len(text) <= MAX_BYTES for text in texts)
    assert all(text.startswith("prusacam 1.2.3\n") for text in texts)
    lines = [line for text in texts for line in text.splitlines()[1:]]
    first = int(lines[0].split()[1])
    assert lines == [f"line {number:04d}" for number in range(first, 2_000)]


def test_file_when_it_is_moved_away_then_a_new_one(file: LogFile, path: Path) -> None:
    # logrotate, or a person who saves the log of a failure.
    write(file, "old")
    path.rename(path.with_name("saved.log"))
    write(file, "new")
    assert path.read_text().endswith("\nnew\n")
    assert path.with_name("saved.log").read_text().endswith("\nold\n")


def test_file_when_it_is_removed_then_a_new_one(file: LogFile, path: Path) -> None:
    write(file, "old")
    path.unlink()
    write(file, "new")
    assert path.read_text() == "prusacam 1.2.3\nnew\n"


def test_file_when_the_disk_is_full_then_lines_are_counted_and_told_once(
    file: LogFile, path: Path, heard: Heard
) -> None:
    path.parent.mkdir()
    path.symlink_to("/dev/full")  # the kernel's own ENOSPC
    for number in range(100):
        write(file, f"line {number}")
    assert heard.lines == [f"{path} is not written: No space left on device"]
    path.unlink()
    write(file, "room again")
    write(file, "and more")
    assert path.read_text().splitlines()[1:] == [
        "(100 lines are missing: No space left on device)",
        "room again",
        "and more",
    ]


@pytest.mark.parametrize("obstacle", ["file", "folder"])
def test_file_when_it_cannot_be_opened_then_tried_again_with_every_line(
    file: LogFile, path: Path, heard: Heard, obstacle: str
) -> None:
    if obstacle == "file":
        path.parent.touch()
    else:
        path.mkdir(parents=True)
    for _ in range(3):
        write(file, "lost")
    assert len(heard.lines) == 1
    if obstacle == "file":
        path.parent.unlink()
    else:
        path.rmdir()
    write(file, "found")
    assert path.read_text().splitlines()[-2:] == [
        f"(3 lines are missing: {heard.lines[0].partition('written: ')[2]})",
        "found",
    ]


def test_file_when_old_logs_cannot_be_moved_then_it_grows_no_further(
    file: LogFile, path: Path, heard: Heard
) -> None:
    write(file, "first")
    path.with_name("prusacam.log.1").mkdir()
    path.with_name(
        "prusacam.log.1",
    ).joinpath("full").touch()
    path.with_name("prusacam.log.2").mkdir()
    path.with_name("prusacam.log.2").joinpath("full").touch()
    for _ in range(500):
        write(file, "x" * 80)
    assert path.stat().st_size <= MAX_BYTES
    assert len(heard.lines) == 1


def test_file_when_a_line_is_no_text_then_escaped(file: LogFile, path: Path) -> None:
    write(file, "name \udcff")
    assert path.read_text().endswith("\nname \\udcff\n")


def test_file_when_a_single_one_is_wanted_then_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="two files"):
        LogFile(path, MAX_BYTES, 1, "")
