# Tests of who the printer is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made once, never changed, readable by nobody else, and honest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.connect.printer.identity import (
    camera_token_path,
    firmware,
    forget_tokens,
    load_or_create_identity,
    load_token,
    store_token,
    token_path,
)
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = Secret("0123456789AbCdEfGhIj")


@pytest.fixture
def machine_id(tmp_path: Path) -> Path:
    path = tmp_path / "machine-id"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    return path


def test_identity_when_made_then_kept_whatever_the_host_becomes(
    tmp_path: Path, machine_id: Path
) -> None:
    folder = tmp_path / "state" / "printer"
    first = load_or_create_identity(folder, "6.1.0", machine_id)
    machine_id.write_text("f" * 32)
    assert load_or_create_identity(folder, "6.1.0", machine_id) == first
    assert first.serial.startswith("KLP-")
    assert "0123456789ab" not in first.serial.lower()
    assert 16 <= len(first.fingerprint) <= 64
    assert first.fingerprint not in repr(first)
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("serial", "fingerprint"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_serial_when_the_host_is_the_same_then_the_same(
    tmp_path: Path, machine_id: Path
) -> None:
    one = load_or_create_identity(tmp_path / "a", "6.1.0", machine_id)
    other = load_or_create_identity(tmp_path / "b", "6.1.0", machine_id)
    assert one.serial == other.serial
    assert one.fingerprint != other.fingerprint


def test_serial_when_the_host_has_no_id_then_another_each_time(tmp_path: Path) -> None:
    none = tmp_path / "none"
    one = load_or_create_identity(tmp_path / "a", "6.1.0", none)
    assert one.serial != load_or_create_identity(tmp_path / "b", "6.1.0", none).serial


@pytest.mark.parametrize("content", ["", "KLP-1", "CZPX0000", "KLP-0123456789ab"])
def test_identity_when_the_serial_is_damaged_then_told(
    tmp_path: Path, machine_id: Path, content: str
) -> None:
    load_or_create_identity(tmp_path, "6.1.0", machine_id)
    (tmp_path / "serial").write_text(content)
    with pytest.raises(ConfigError, match="serial is damaged"):
        load_or_create_identity(tmp_path, "6.1.0", machine_id)


def test_firmware_when_told_then_names_klipper_and_us() -> None:
    assert firmware("v0.13.0-1").startswith("Klipper v0.13.0-1 (moonraker-prusacam ")
    assert firmware("").startswith("Klipper (moonraker-prusacam ")
    assert firmware("v\r\nX: y\u2028é").isascii()
    assert firmware("v\r\nX: y").isprintable()


def test_tokens_when_stored_then_private_and_when_forgotten_then_gone(
    tmp_path: Path,
) -> None:
    paths = [token_path(tmp_path), camera_token_path(tmp_path, "front")]
    for path in paths:
        assert load_token(path) is None
        store_token(path, TOKEN)
        store_token(path, TOKEN)
        assert path.stat().st_mode & 0o777 == 0o600
        assert load_token(path) == TOKEN
        with pytest.raises(ConfigError, match="another one"):
            store_token(path, Secret("Z" * 20))
    forget_tokens(tmp_path)
    assert [load_token(path) for path in paths] == [None, None]
    forget_tokens(tmp_path)


@pytest.mark.parametrize("content", ["", "short", "two words here", "x" * 200])
def test_token_when_damaged_then_told_without_its_text(
    tmp_path: Path, content: str
) -> None:
    token_path(tmp_path).write_text(content)
    with pytest.raises(ConfigError, match="damaged") as caught:
        load_token(token_path(tmp_path))
    assert not content or content not in str(caught.value)
