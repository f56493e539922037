# Tests of lines in somebody else's file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every byte of the user's stays, and comes back."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.errors import FileReadOnly
from moonraker_prusacam.install.host import Host
from moonraker_prusacam.install.insertion import (
    BEGIN,
    END,
    Insertion,
    cut,
    take_back,
)
from tests.support.printer_host import PRINTER_CFG

BLOCK = f"{BEGIN}\n[prusacam]\n\n[timelapse]\n{END}\n"
INCLUDE = "[include prusacam.cfg]\n"
CONTENTS = {
    "usual": b"[server]\nport: 7125\n",
    "no_end": b"[server]\nport: 7125",
    "empty": b"",
    "crlf": b"[server]\r\nport: 7125\r\n",
    "crlf_no_end": b"[server]\r\nport: 7125",
    "blank_lines": b"[server]\n\n\n",
    "latin": b"# gr\xfc\xdfe\n[server]\n",
    "save_config": PRINTER_CFG.encode(),
    "includes": b"# mine\n[include a.cfg]\n# about b\n[include b.cfg] # b\n[mcu]\n",
}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, pwd.getpwuid(os.getuid()).pw_name, tmp_path, may_ask=False)


def insert(change: Insertion, host: Host, known: Any = None) -> Any:
    record = change.record(known)
    change.make(host, record)
    return record


@pytest.mark.parametrize("at_includes", [False, True])
@pytest.mark.parametrize("text", [BLOCK, INCLUDE, "prusacam\n"])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_lines_when_inserted_and_taken_back_then_every_byte_is_as_before(
    tmp_path: Path, host: Host, content: bytes, text: str, at_includes: bool
) -> None:
    file = tmp_path / "moonraker.conf"
    file.write_bytes(content)
    file.chmod(0o640)
    change = Insertion(file, text, at_includes=at_includes)
    assert not change.is_made(None)

    record = insert(change, host)

    assert change.is_made(record)
    inserted = file.read_bytes()
    assert all(line in inserted.splitlines() for line in text.encode().splitlines())
    assert file.stat().st_mode & 0o777 == 0o640
    assert take_back(record, host) == ""
    assert file.read_bytes() == content


@given(
    content=st.text("a[]#\n\r é", max_size=40).map(str.encode),
    after=st.text("b\n", max_size=8).map(str.encode),
    is_block=st.booleans(),
)
def test_lines_when_others_are_written_below_then_these_stay(
    content: bytes, after: bytes, is_block: bool
) -> None:
    change = Insertion(Path("x"), BLOCK if is_block else INCLUDE)
    inserted, (before, text) = change._inserted(content)
    record = {"before": before.decode(), "text": text.decode()}

    left = cut(inserted + after, record)

    assert left.startswith(content)
    assert left.removeprefix(content).strip() == after.strip()


def test_lines_when_the_file_was_not_there_then_it_is_gone_again(
    tmp_path: Path, host: Host
) -> None:
    file = tmp_path / "info/exclude"
    change = Insertion(file, "/moonraker/components/prusacam\n")
    record = insert(change, host)
    assert file.read_text() == "/moonraker/components/prusacam\n"
    assert record["made_folders"] == [str(tmp_path / "info")]
    take_back(record, host)
    assert not file.exists()


def test_include_when_inserted_then_above_all_sections_and_save_config_is_last(
    tmp_path: Path, host: Host
) -> None:
    file = tmp_path / "printer.cfg"
    file.write_text(PRINTER_CFG)
    insert(Insertion(file, INCLUDE, at_includes=True), host)
    lines = file.read_text().splitlines()
    assert lines[:3] == ["# My printer", "[include mainsail.cfg]", INCLUDE.strip()]
    assert lines[-1] == "#*# version = 1"


def test_block_when_the_user_has_edited_it_then_it_stays_and_goes_whole(
    tmp_path: Path, host: Host
) -> None:
    file = tmp_path / "moonraker.conf"
    file.write_text("[server]\n")
    record = insert(Insertion(file, BLOCK), host)
    edited = file.read_text().replace("[prusacam]\n", "[prusacam]\nsocket: /x.sock\n")
    file.write_text(edited + "\n[power]\n")
    newer = Insertion(file, BLOCK.replace("[timelapse]", "[timelapse]\n\n[new]"))

    assert newer.is_made(record)
    take_back(record, host)

    assert "prusacam" not in file.read_text()
    assert file.read_text().split() == ["[server]", "[power]"]


def test_block_when_a_later_version_has_another_then_it_is_replaced(
    tmp_path: Path, host: Host
) -> None:
    file = tmp_path / "moonraker.conf"
    file.write_text("[server]")
    record = insert(Insertion(file, BLOCK), host)
    newer = Insertion(file, BLOCK.replace("[timelapse]", "[update_manager prusacam]"))
    assert not newer.is_made(record)

    record = insert(newer, host, record)

    assert newer.is_made(record)
    assert file.read_text().count(BEGIN) == 1
    assert "[timelapse]" not in file.read_text()
    take_back(record, host)
    assert file.read_text() == "[server]"


def test_lines_when_the_user_has_removed_them_then_there_is_nothing_to_take_back(
    tmp_path: Path, host: Host
) -> None:
    file = tmp_path / "printer.cfg"
    file.write_text("[mcu]\n")
    record = insert(Insertion(file, INCLUDE, at_includes=True), host)
    file.write_text("[mcu]\nserial: x\n")
    take_back(record, host)
    assert file.read_text() == "[mcu]\nserial: x\n"


def test_file_when_it_is_a_link_then_it_stays_one(tmp_path: Path, host: Host) -> None:
    target = tmp_path / "repository/printer.cfg"
    target.parent.mkdir()
    target.write_text("[mcu]\n")
    link = tmp_path / "printer.cfg"
    link.symlink_to(target)
    record = insert(Insertion(link, INCLUDE, at_includes=True), host)
    assert link.is_symlink()
    assert target.read_text() == f"{INCLUDE}[mcu]\n"
    take_back(record, host)
    assert link.is_symlink()
    assert target.read_text() == "[mcu]\n"


def test_file_when_it_is_read_only_then_it_is_left_alone(
    tmp_path: Path, host: Host
) -> None:
    file = tmp_path / "printer.cfg"
    file.write_text("[mcu]\n")
    file.chmod(0o444)
    with pytest.raises(FileReadOnly, match="read-only"):
        insert(Insertion(file, INCLUDE), host)
    assert file.read_text() == "[mcu]\n"


def test_file_when_it_is_edited_then_a_copy_of_it_comes_first(
    tmp_path: Path, host: Host
) -> None:
    file = tmp_path / "moonraker.conf"
    file.write_text("[server]\n")
    insert(Insertion(file, BLOCK, tmp_path / "backup"), host)
    (copy,) = (tmp_path / "backup").iterdir()
    assert copy.read_text() == "[server]\n"
    assert copy.stat().st_mode & 0o777 == 0o600
