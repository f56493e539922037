# Tests of the command line for cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam camera`` as a user runs it: exit status, what is said, what is written.

What stands in for a camera is a raw feed; what is not about its bytes is tried with
sources of other kinds, and a probe that has its answer ready.
"""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from moonraker_prusacam import cli_camera_add, cli_camera_probe, config
from moonraker_prusacam.cli import main
from tests.support.command_line import (
    COMMAND,
    TIMEOUT_S,
    Feed,
    configure,
    environment,
    prusacam,
    running,
    said,
)
from tests.support.sources import closed_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from moonraker_prusacam.camera_options import CameraConfig

PASSWORD = "sw0rd#fish"
BEFORE = "# my file\n[engine]\nport: 0\ndata_path: {folder}   # here\n; the end"
STAGES = ("reachable", "authenticated", "first frame", "resolution", "fps")
WORKS = {
    "success": True,
    "stages": [
        {"name": "resolution", "status": "ok", "duration_ms": 0.0, "found": "64x48"}
    ],
}
FAILS = {
    "success": False,
    "error": "it is away",
    "advice": "fetch it",
    "stages": [
        {
            "name": "reachable",
            "status": "failed",
            "duration_ms": 1.0,
            "found": "it is away",
            "advice": "fetch it",
        }
    ],
}


@pytest.fixture
def feed() -> Iterator[Feed]:
    it = Feed()
    try:
        yield it
    finally:
        it.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Feed]]:
    """The configuration of an engine that runs and has a frame, and its feed."""
    folder = tmp_path_factory.mktemp("live")
    own = Feed()
    side = f"[camera side]\nsource: tcp://127.0.0.1:{closed_port()}\n"
    file = configure(folder, own.port, side)
    # Nobody reads its log any more, once it runs.
    file.write_text(file.read_text().replace("debug", "info"))
    try:
        with running(folder, file) as engine:
            engine.wait_for("Camera front: live", "Camera side: failed")
            yield file, own
    finally:
        own.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    it = tmp_path / "prusacam.conf"
    it.write_text(BEFORE.format(folder=tmp_path))
    return it


# List


def test_list_when_the_engine_runs_then_how_the_cameras_are(
    live: tuple[Path, Feed],
) -> None:
    file, own = live
    done = prusacam(file.parent, "camera", "list", "-c", file)
    text = done.stdout.decode()
    assert (done.returncode, said(done)) == (0, "")
    for part in ("front", f"127.0.0.1:{own.port}", "live", "64x48", "side", "failed"):
        assert part in text
    assert "\nside: nothing listens at 127.0.0.1:" in text
    assert "is the camera's feed running?" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    answer = json.loads(
        prusacam(file.parent, "camera", "list", "--json", "-c", file).stdout
    )
    front, side = answer["cameras"]
    assert front["source"] == f"tcp://127.0.0.1:{own.port}"
    assert side["advice"] == "is the camera's feed running?"
    assert side["attempt"]["is_over"] is True


def test_list_when_no_engine_runs_then_the_configuration_and_a_hint(
    tmp_path: Path,
) -> None:
    more = "[camera roof]\nsource: http://joe:pw@cam/v?token=abc\n"
    file = configure(tmp_path, 9000, more)
    done = prusacam(tmp_path, "camera", "list", "-c", file)
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "tcp://127.0.0.1:9000" in text
    assert "http://***@cam/v?***" in text
    assert "sudo systemctl start prusacam" in said(done)
    assert "This is what the configuration says." in said(done)
    done = prusacam(tmp_path, "camera", "list", "--json", "-c", file)
    front, roof = json.loads(done.stdout)["cameras"]
    assert front["state"] is None
    assert roof["name"] == "roof"
    assert "abc" not in text + done.stdout.decode()


# Test


def test_test_when_a_camera_is_the_engines_then_the_engine_tests_it(
    live: tuple[Path, Feed],
) -> None:
    file, own = live
    url = f"tcp://127.0.0.1:{own.port}"
    # The URL of a configured camera is that camera.
    for target in ("front", url):
        done = prusacam(file.parent, "camera", "test", target, "-c", file)
        text = done.stdout.decode()
        assert (done.returncode, said(done)) == (0, "")
        assert all(stage in text for stage in STAGES)
        assert "64x48" in text
        assert max(map(len, text.splitlines())) <= 80
    assert own.accepted == 1
    done = prusacam(file.parent, "camera", "test", "side", "-c", file)
    assert done.returncode == 1
    assert "nothing listens at 127.0.0.1" in done.stdout.decode()
    assert "What helps: is the camera's feed running?" in done.stdout.decode()
    done = prusacam(file.parent, "camera", "test", "side", "--json", "-c", file)
    assert done.returncode == 1
    assert json.loads(done.stdout)["success"] is False
    done = prusacam(file.parent, "camera", "test", "roof", "-c", file)
    assert (done.returncode, done.stdout) == (1, b"")
    assert said(done) == "prusacam: no camera 'roof'; there is: front, side\n"


def test_test_when_no_engine_runs_then_it_is_done_here(
    tmp_path: Path, feed: Feed
) -> None:
    file = configure(tmp_path, feed.port)
    before = feed.accepted
    done = prusacam(tmp_path, "camera", "test", "front", "-c", file)
    assert (done.returncode, said(done)) == (0, "")
    assert "64x48" in done.stdout.decode()
    assert feed.accepted == before + 1
    done = prusacam(tmp_path, "camera", "test", "roof", "-c", file)
    assert done.returncode == 1
    assert said(done) == "prusacam: no camera 'roof'; there is: front\n"
    assert not (tmp_path / "prusacam").exists()


def test_test_when_it_is_a_url_then_no_configuration_is_needed(
    tmp_path: Path, feed: Feed
) -> None:
    url = f"tcp://127.0.0.1:{feed.port}"
    done = prusacam(tmp_path, "camera", "test", "-", types=f"{url}\n")
    assert (done.returncode, said(done)) == (0, "")
    assert all(stage in done.stdout.decode() for stage in STAGES)
    done = prusacam(tmp_path, "camera", "test", "tcp://127.0.0.1:9", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["stages"][0]["status"] == "failed"
    assert told["error"] == "nothing listens at 127.0.0.1:9"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ftp://joe:PW@cam",), "the URL does not start with one of: tcp://"),
        (("-",), "the URL does not start with one of: tcp://"),
        (("tcp://joe:PW@cam",), "the URL tcp:// takes no user"),
        (("tcp://cam", "--username", "joe"), "tcp: has no users and passwords"),
        (("tcp://cam", "--access-code-file", "PW"), "is for bambu:// only"),
        (("tcp://cam", "--set", "rotaton=1"), "did you mean 'rotation'?"),
        (("http://cam", "--password-file", "none"), "none: No such file"),
        (("tcp://cam", "--set", "password=PW"), "does not belong into a command line"),
        (("front", "--set", "fps=1"), "a NAME takes no options of a camera"),
    ],
)
def test_test_when_it_makes_no_sense_then_2_and_no_secret(
    tmp_path: Path,
    arguments: tuple[str, ...],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(
        main, ["camera", "test", *arguments], env={"HOME": str(tmp_path)}
    )
    assert done.exit_code == 2
    assert told in done.output
    assert "PW" not in done.output


def test_secret_when_there_is_no_terminal_to_ask_for_it_then_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "camera", "test", "bambu://cam?model=P1S"],
        env=environment(tmp_path),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
        start_new_session=True,  # without a terminal
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert "there is no terminal to ask for it" in said(done)


def test_test_when_somebody_silent_holds_the_socket_then_3_and_no_connection(
    tmp_path: Path, feed: Feed
) -> None:
    """Whoever it is may have the camera."""
    file = configure(tmp_path, feed.port)
    path = tmp_path / "comms" / "prusacam.sock"
    path.parent.mkdir()
    before = feed.accepted
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        done = prusacam(tmp_path, "camera", "test", "front", "-c", file)
        thread.join(TIMEOUT_S)
    assert (done.returncode, done.stdout) == (3, b"")
    assert said(done).count("\n") == 1
    assert feed.accepted == before


# Add


def test_add_when_it_works_then_the_section_follows_and_all_else_stays(
    tmp_path: Path, feed: Feed, file: Path
) -> None:
    file.chmod(0o640)
    before = file.read_bytes()
    url = f"tcp://127.0.0.1:{feed.port}"
    arguments = ("--set", "rotation=180", "--set", "target_fps=5", "-c", file)
    done = prusacam(tmp_path, "camera", "add", "Nozzle cam", url, *arguments)
    text = done.stdout.decode()
    assert (done.returncode, said(done)) == (0, "")
    section = f"[camera Nozzle cam]\nsource: {url}\nrotation: 180\ntarget_fps: 5\n"
    assert file.read_bytes() == before + b"\n\n" + section.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    (copy,) = tmp_path.glob("prusacam.conf.bak-*")
    assert copy.read_bytes() == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert "64x48" in text
    assert "frames a second" in text
    assert section in text
    assert str(copy) in text
    assert "systemctl restart prusacam" in text
    (camera,) = config.load(file).cameras
    assert (camera.name, camera.rotation) == ("Nozzle cam", 180)
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, copy.name]


def test_add_when_no_picture_comes_then_only_force_writes_it(
    tmp_path: Path, file: Path
) -> None:
    before = file.read_bytes()
    arguments = ("camera", "add", "a", "tcp://127.0.0.1:9", "-c", file)
    done = prusacam(tmp_path, *arguments)
    assert done.returncode == 1
    assert "nothing listens at 127.0.0.1:9" in done.stdout.decode()
    assert "prusacam: nothing is written; --force adds the camera" in said(done)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
    done = prusacam(tmp_path, *arguments, "--force")
    assert done.returncode == 0
    assert "nothing listens at 127.0.0.1:9" in done.stdout.decode()
    assert [camera.name for camera in config.load(file).cameras] == ["a"]


def test_add_when_the_name_or_the_source_is_there_already_then_refused(
    tmp_path: Path, feed: Feed
) -> None:
    file = configure(tmp_path, feed.port)
    before, accepted = file.read_bytes(), feed.accepted
    other = f"tcp://127.0.0.1:{closed_port()}"
    done = prusacam(tmp_path, "camera", "add", "front", other, "-c", file)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said(done) == f"prusacam: {file} has a [camera front] already\n"
    url = f"tcp://127.0.0.1:{feed.port}"
    done = prusacam(tmp_path, "camera", "add", "side", url, "-c", file)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "Camera 'front' has this source already." in said(done)
    assert file.read_bytes() == before
    # The engine of that camera may have its only connection.
    assert feed.accepted == accepted
    done = prusacam(tmp_path, "camera", "add", "side", url, "--force", "-c", file)
    assert done.returncode == 0
    assert feed.accepted == accepted


@pytest.mark.parametrize(
    ("content", "arguments", "told"),
    [
        ("[engine]\nport: x\nhots: y\n", (), "port: 'x' is not a whole number"),
        ("[engine]\nport: x\nhots: y\n", (), "hots: unknown option"),
        ("[camera a]\noops\n", (), "neither a [section] nor an 'option: value'"),
        ("", ("--set", "rotation=45"), "rotation: '45' is not one of"),
        ("", ("--set", "webcam_url=/a #b"), "webcam_url: cannot be written"),
    ],
)
def test_add_when_there_are_mistakes_then_2_before_the_camera_is_asked(
    tmp_path: Path, feed: Feed, content: str, arguments: tuple[str, ...], told: str
) -> None:
    file = tmp_path / "my.conf"
    file.write_text(content)
    accepted, url = feed.accepted, f"tcp://127.0.0.1:{feed.port}"
    done = prusacam(tmp_path, "camera", "add", "b", url, *arguments, "-c", file)
    assert (done.returncode, done.stdout) == (2, b"")
    assert told in said(done)
    assert file.read_text() == content
    assert feed.accepted == accepted


# Secrets


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[CameraConfig]:
    """What was probed, by a probe that always finds a picture."""
    cameras: list[CameraConfig] = []

    async def probe(camera: CameraConfig, ffmpeg: Path | None) -> dict[str, Any]:
        cameras.append(camera)
        return WORKS if "away" not in camera.name else FAILS

    monkeypatch.setattr(cli_camera_add, "probe", probe)
    return cameras


def add(*arguments: str | Path, types: str = "") -> str:
    """All that was said when it goes well."""
    done = CliRunner().invoke(main, ["camera", "add", *map(str, arguments)], types)
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    return done.output


def test_add_when_there_is_no_file_then_it_is_made_and_the_address_told(
    tmp_path: Path, probed: list[CameraConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "printer_data" / "config" / "prusacam.conf"
    text = add("front", "-", types="tcp://cam:9000\n")
    assert file.read_text() == "[camera front]\nsource: tcp://cam:9000\n"
    assert "/webcam2/cameras/front/stream" in text
    assert "http://127.0.0.1:8081/cameras/front/stream" in text
    assert list(file.parent.iterdir()) == [file]


def test_add_when_dry_then_it_is_tested_and_nothing_is_written(
    tmp_path: Path, file: Path, probed: list[CameraConfig]
) -> None:
    before = file.read_bytes()
    text = add("a", "tcp://cam:1", "--dry-run", "-c", file)
    section = "[camera a]\nsource: tcp://cam:1\n"
    assert f"would be added to {file}:\n\n{section}" in text
    assert len(probed) == 1
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("place", ["/proc/prusacam.conf", "/dev/null/prusacam.conf"])
def test_add_when_the_file_cannot_be_written_then_one_line(
    place: str, probed: list[CameraConfig]
) -> None:
    done = CliRunner().invoke(main, ["camera", "add", "b", "tcp://cam", "-c", place])
    assert done.exit_code == 2
    assert done.output.splitlines()[-1].startswith(f"prusacam: {place}: ")


def test_password_when_in_the_url_then_moved_into_a_file_and_warned_of(
    tmp_path: Path, file: Path, probed: list[CameraConfig]
) -> None:
    url = "http://joe:sw0rd%23fish@cam:81/stream"
    text = add("bed", url, "-c", file)
    assert "everybody on this host can see the arguments" in text
    place = tmp_path / "prusacam" / "cameras" / "bed.password"
    assert place.read_text() == f"{PASSWORD}\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert file.read_text().endswith(
        "[camera bed]\nsource: http://cam:81/stream\nusername: joe\n"
        f"password_file: {place}\n"
    )
    for camera in (*probed, *config.load(file).cameras):
        assert camera.credentials is not None
        assert camera.credentials.password.reveal() == PASSWORD
    text = add("bed 2", "-", "-c", file, types=f"{url}2\n")
    assert "can see the arguments" not in text
    assert len(config.load(file).cameras) == 2


def test_password_when_in_a_file_then_that_file_is_named(
    tmp_path: Path,
    file: Path,
    probed: list[CameraConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    monkeypatch.chdir(tmp_path)
    arguments = ("--username", "joe", "--password-file", "secret", "-c", file)
    text = add("bed", "rtsp://cam/live", *arguments)
    assert f"password_file: {tmp_path / 'secret'}\n" in text
    assert file.read_text().endswith(f"password_file: {tmp_path / 'secret'}\n")
    assert not (tmp_path / "prusacam").exists()
    assert probed[0].credentials is not None
    assert probed[0].credentials.password.reveal() == PASSWORD


def test_password_when_the_probe_fails_or_is_dry_then_it_is_stored_nowhere(
    tmp_path: Path, file: Path, probed: list[CameraConfig]
) -> None:
    url = f"http://joe:{PASSWORD.replace('#', '%23')}@cam/"
    arguments = ["camera", "add", "away", url, "-c", str(file)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "What helps: fetch it" in done.output
    assert PASSWORD not in done.output
    text = add("bed", url, "--dry-run", "-c", file)
    assert f"password_file: {tmp_path / 'prusacam'}" in text
    assert list(tmp_path.iterdir()) == [file]


def test_secret_when_there_is_no_place_for_it_then_said_before_the_camera_is_asked(
    tmp_path: Path, probed: list[CameraConfig]
) -> None:
    file = tmp_path / "my.conf"
    file.write_text(f"[engine]\ndata_path: {tmp_path}/nowhere\n")
    arguments = ["camera", "add", "a", "http://joe:pw@cam/", "-c", str(file)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "[engine] data_path" in done.output
    assert probed == []
    assert list(tmp_path.iterdir()) == [file]


def test_access_code_when_asked_for_then_kept_in_a_file(
    tmp_path: Path,
    file: Path,
    probed: list[CameraConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def ask(prompt: str, option: str) -> str:
        asked.append(prompt)
        asked.append(option)
        return "12345678"

    monkeypatch.setattr(cli_camera_probe, "_ask", ask)
    text = add("bed", "bambu://printer?model=P1S", "-c", file)
    assert asked == ["Access code: ", "--access-code-file"]
    place = tmp_path / "prusacam" / "cameras" / "bed.access_code"
    assert place.read_text() == "12345678\n"
    assert f"access_code_file: {place}" in text
    assert "12345678" not in text
    assert probed[0].access_code is not None


def test_password_when_typed_at_a_terminal_then_it_is_not_echoed(
    tmp_path: Path,
) -> None:
    """The prompt comes before anything is asked of the camera."""
    near, far = pty.openpty()
    take_terminal = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    place = tmp_path / "printer_data"
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", take_terminal, *COMMAND[1:], "camera", "add"),
            *("bed", "http://127.0.0.1:9/", "--username", "joe"),
        ],
        env=environment(tmp_path),
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    try:
        seen = read_until(near, b"Password, if there is one: ")
        os.write(near, f"{PASSWORD}\n".encode())
        seen += read_until(near, b"no place")
        assert process.wait(TIMEOUT_S) == 2
    finally:
        process.kill()
        process.wait()
        os.close(near)
    assert f"{place}: No such file or directory" in seen.decode()
    assert PASSWORD not in seen.decode()


def read_until(descriptor: int, expected: bytes) -> bytes:
    seen = b""
    while expected not in seen:
        ready, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
        assert ready, seen
        seen += os.read(descriptor, 4096)
    return seen
