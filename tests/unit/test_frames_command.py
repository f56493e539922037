# Tests of `prusacam frames`.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded stream is listed and written out as frames, from a file or a pipe."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import moonraker_prusacam
from moonraker_prusacam.camera.dump import dump
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(moonraker_prusacam.__file__).parents[1]
COMMAND = (sys.executable, "-m", "moonraker_prusacam", "frames")
TIMEOUT_S = 30.0
MIB = 1 << 20
LARGE_STREAM_BYTES = 500 * MIB
ADDRESS_SPACE_BYTES = 400 * MIB
FIRST, SECOND = jpeg.picture(), jpeg.picture(64, 48)
STREAM = b"junk" + FIRST + b"--part\r\n" + SECOND + FIRST[:99]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def run(
    *arguments: str | Path, stdin: bytes = b"", **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(more),
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def records(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(image: bytes, width: int, height: int) -> dict[str, Any]:
    return {
        "offset": STREAM.index(image),
        "length": len(image),
        "width": width,
        "height": height,
        "sha1": hashlib.sha1(image).hexdigest(),
    }


@pytest.mark.parametrize("pure", ["0", "1"])
@pytest.mark.parametrize("source", ["file", "-"])
def test_stream_when_listed_gives_each_frame_and_the_counters(
    tmp_path: Path, source: str, pure: str
) -> None:
    file = tmp_path / "stream.mjpeg"
    file.write_bytes(STREAM)
    name, stdin = ("-", STREAM) if source == "-" else (file, b"")
    done = run(name, stdin=stdin, PRUSACAM_PURE_PYTHON=pure)
    first, second, counters = records(done)
    assert first == expected(FIRST, 32, 24)
    assert second == expected(SECOND, 64, 48)
    assert counters["frames"] == 2
    assert counters["junk_bytes"] == 12
    assert counters["pending_bytes"] == 99
    assert counters["bytes_in"] == len(STREAM)


def test_output_when_given_receives_the_frames(tmp_path: Path) -> None:
    file = tmp_path / "stream.mjpeg"
    file.write_bytes(STREAM)
    folder = tmp_path / "new" / "frames"
    assert len(records(run(file, "-o", folder))) == 3
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "frame-000001.jpg": FIRST,
        "frame-000002.jpg": SECOND,
    }


def test_stream_without_frames_when_listed_gives_counters_only() -> None:
    (counters,) = records(run("-", stdin=bytes(1000)))
    assert (counters["frames"], counters["junk_bytes"]) == (0, 1000)


def test_stream_when_larger_than_memory_is_listed(tmp_path: Path) -> None:
    image = jpeg.minimal(entropy=bytes(MIB))
    count = LARGE_STREAM_BYTES // len(image)
    limits = (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES)
    listing = tmp_path / "listing"
    with (
        listing.open("wb") as output,
        subprocess.Popen(
            [*COMMAND, "-"],
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=output,
        ) as child,
    ):
        resource.prlimit(child.pid, resource.RLIMIT_AS, limits)
        assert child.stdin is not None
        with child.stdin:
            for _ in range(count):
                child.stdin.write(image)
    lines = listing.read_text().splitlines()
    assert child.returncode == 0
    assert len(lines) == count + 1
    assert json.loads(lines[-1])["frames"] == count


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "missing: No such file or directory"),
        (["."], ".: Is a directory"),
        (["stream", "-o", "stream/in"], "stream/in: Not a directory"),
        (["stream", "-o", "full"], "full/frame-000001.jpg: No space left on device"),
    ],
)
def test_frames_when_files_are_wrong_fails_with_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("stream").write_bytes(STREAM)
    Path("full").mkdir()
    Path("full/frame-000001.jpg").symlink_to("/dev/full")
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stderr.decode() == f"prusacam: {message}\n"


def test_frames_when_reader_leaves_ends_without_traceback(tmp_path: Path) -> None:
    file = tmp_path / "stream.mjpeg"
    file.write_bytes(FIRST * 5000)
    child = subprocess.Popen(
        [*COMMAND, str(file)],
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert b"Traceback" not in child.stderr.read()


def test_dump_of_stream_gives_its_records_one_by_one() -> None:
    stream = io.BytesIO(STREAM + bytes(4 * MIB))
    assert next(dump(stream))["offset"] == 4
    assert stream.tell() < MIB
