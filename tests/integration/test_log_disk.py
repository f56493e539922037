# Tests of an engine whose log has no disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system in memory is really full, then read-only; the engine serves on."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import configure, prusacam, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOL_TIMEOUT_S = 10.0
SIZE_BYTES = 64 << 10


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    """The folder of logs, on a small file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    path = tmp_path / "logs"
    path.mkdir()
    options = f"size={SIZE_BYTES}"
    try:
        mount("-t", "tmpfs", "-o", options, "prusacam-test", str(path))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a tmpfs cannot be mounted here: {error}")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True, timeout=TOOL_TIMEOUT_S)


def mount(*arguments: str) -> None:
    command = ["mount", *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=TOOL_TIMEOUT_S)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    # Without a buffer, which would be written once more at the end.
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def test_run_when_the_disk_of_the_log_is_full_then_it_serves_and_says_so_once(
    tmp_path: Path, logs: Path
) -> None:
    ballast = fill(logs)
    log = logs / "prusacam.log"
    file = configure(tmp_path)
    with running(tmp_path, file) as engine:
        engine.wait_for(f"{log} is not written: No space left on device")
        assert prusacam(tmp_path, "status", "-c", file).returncode == 0
        ballast.unlink()
        assert prusacam(tmp_path, "status", "-c", file).returncode == 0
        assert engine.stop() == 0
        assert engine.log.count("is not written") == 1
    text = log.read_text()
    assert "lines are missing: No space left on device)" in text
    assert text.endswith("prusacam stops\n")


def test_run_when_the_disk_of_the_log_is_read_only_then_it_serves_and_says_so_once(
    tmp_path: Path, logs: Path
) -> None:
    log = logs / "prusacam.log"
    mount("-o", "remount,ro", str(logs))
    file = configure(tmp_path)
    with running(tmp_path, file) as engine:
        engine.wait_for(f"{log} is not written: Read-only file system")
        assert prusacam(tmp_path, "status", "-c", file).returncode == 0
        assert engine.stop() == 0
        assert engine.log.count("is not written") == 1
    assert not log.exists()
