# Tests of the command line.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m moonraker_prusacam`` as a user runs it: exit status and what is said."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.version import __version__
from tests.support.command_line import (
    JPEG,
    STOP_S,
    TIMEOUT_S,
    TOKEN,
    Feed,
    configure,
    prusacam,
    running,
    said,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of an engine that runs and has a frame."""
    folder = tmp_path_factory.mktemp("live")
    feed = Feed()
    file = configure(
        folder,
        feed.port,
        "[camera side]\nsource: tcp://127.0.0.1:9\n[timelapse]\n"
        f"[connect front]\ntoken: {TOKEN}\nserver: http://127.0.0.1:9\n"
        "trigger_scheme: MANUAL\n",
    )
    # Nobody reads its log any more, once it runs.
    file.write_text(file.read_text().replace("debug", "info"))
    try:
        with running(folder, file) as engine:
            engine.wait_for("Camera front: live", "Camera side: failed")
            yield file
    finally:
        feed.close()


COMMANDS = (
    "run",
    "check",
    "camera",
    "doctor",
    "status",
    "snapshot",
    "timelapse",
    "demo",
)


def test_help_when_asked_then_all_commands_in_one_line_each(tmp_path: Path) -> None:
    done = prusacam(tmp_path, "--help")
    text = done.stdout.decode()
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command} " in text
    assert "..." not in text.split("Commands:")[1]  # what does not fit is cut
    assert prusacam(tmp_path, "-h").stdout.decode() == text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_when_asked_of_a_command_then_every_option_is_explained(
    tmp_path: Path, command: str
) -> None:
    done = prusacam(tmp_path, command, "--help")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    options = [line for line in lines if line.startswith("  -")]
    assert options
    for number, line in enumerate(lines):
        if line in options:
            explained = len(line.split("  ")) > 2 or lines[number + 1].startswith(
                " " * 8
            )
            assert explained, line
    assert max(map(len, lines)) <= 80


def test_version_when_asked_then_with_the_scanner(tmp_path: Path) -> None:
    done = prusacam(tmp_path, "--version")
    assert done.stdout.decode().startswith(f"prusacam {__version__} (")
    assert b"hot path: " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("nope",), ("run", "--nope"), ("status", "extra"), ("snapshot",), ("check", "-c")],
)
def test_arguments_when_wrong_then_2(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = prusacam(tmp_path, *arguments)
    assert done.returncode == 2
    assert "Usage: " in said(done) or "requires an argument" in said(done)


def test_check_when_fine_then_0_and_the_cameras(tmp_path: Path) -> None:
    file = configure(tmp_path)
    done = prusacam(tmp_path, "check", "-c", file)
    assert (done.returncode, said(done)) == (0, "")
    assert done.stdout.decode() == f"{file} is fine. Cameras: front.\n"


def test_check_when_not_told_where_then_the_users_own_file(tmp_path: Path) -> None:
    folder = tmp_path / "printer_data" / "config"
    folder.mkdir(parents=True)
    configure(folder)
    assert prusacam(tmp_path, "check").returncode == 0


@pytest.mark.parametrize("command", ["check", "run", "status"])
def test_configuration_when_wrong_then_2_and_all_mistakes(
    tmp_path: Path, command: str
) -> None:
    file = tmp_path / "my.conf"
    file.write_text(
        f"[engine]\nprot: 1\nport: x\n[camera a]\n[connect a]\ntoken: {TOKEN}x\n"
    )
    done = prusacam(tmp_path, command, "-c", file)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said(done).splitlines() == [
        f"{file}: line 2, [engine] prot: unknown option (did you mean 'port'?)",
        f"{file}: line 3, [engine] port: 'x' is not a whole number",
        f"{file}: line 4, [camera a]: option 'source' is missing",
        (
            f"{file}: line 6, [connect a] token: a token of Prusa Connect has 20 "
            "characters, this one has 21"
        ),
    ]
    assert TOKEN not in said(done)


@pytest.mark.parametrize("command", ["check", "run", "status"])
def test_configuration_when_absent_then_2_and_one_line(
    tmp_path: Path, command: str
) -> None:
    done = prusacam(tmp_path, command)
    assert done.returncode == 2
    file = tmp_path / "printer_data" / "config" / "prusacam.conf"
    assert said(done) == f"{file}: No such file or directory\n"


def test_run_when_the_port_is_taken_then_1_and_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = configure(tmp_path)
        text = file.read_text().replace("port: 0", f"port: {port}")
        file.write_text(text.replace("debug", "error"))
        done = prusacam(tmp_path, "run", "-c", file)
    assert done.returncode == 1
    assert said(done) == (
        f"prusacam: cannot listen on 127.0.0.1:{port}: address already in use; set "
        "another [engine] port\n"
    )
    assert not (tmp_path / "comms" / "prusacam.sock").exists()


def test_run_when_an_engine_runs_already_then_1_and_one_line(
    live: Path, tmp_path: Path
) -> None:
    quiet = tmp_path / "quiet.conf"
    quiet.write_text(live.read_text().replace("info", "error"))
    done = prusacam(tmp_path, "run", "-c", quiet)
    assert done.returncode == 1
    sock = live.parent / "comms" / "prusacam.sock"
    assert said(done) == f"prusacam: another engine is running (it holds {sock})\n"
    assert prusacam(tmp_path, "status", "-c", live).returncode == 0


def test_run_when_the_folder_cannot_be_made_then_1_and_one_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "comms").touch()
    done = prusacam(tmp_path, "run", "-c", configure(tmp_path))
    assert done.returncode == 1
    assert said(done).splitlines()[-1].startswith("prusacam: ")
    assert "prusacam.sock: " in said(done)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_run_when_told_to_stop_then_0_within_seconds_and_no_socket(
    tmp_path: Path, sign: signal.Signals
) -> None:
    sock = tmp_path / "comms" / "prusacam.sock"
    more = f"[connect front]\ntoken: {TOKEN}\nserver: http://127.0.0.1:9\n[timelapse]\n"
    with running(tmp_path, configure(tmp_path, more=more)) as engine:
        assert sock.is_socket()
        started = time.monotonic()
        assert engine.stop(sign) == 0
        assert time.monotonic() - started < STOP_S
    assert not sock.exists()
    assert "prusacam stops" in engine.log
    assert "Traceback" not in engine.log


def test_run_when_it_logs_everything_then_no_secret(tmp_path: Path) -> None:
    feed = Feed()
    more = f"[connect front]\ntoken: {TOKEN}\nserver: http://127.0.0.1:9\n"
    try:
        with running(tmp_path, configure(tmp_path, feed.port, more)) as engine:
            engine.wait_for("Prusa Connect, camera front: ")
            engine.stop()
    finally:
        feed.close()
    file = tmp_path / "prusacam" / "connect" / "front.fingerprint"
    kept = (tmp_path / "logs" / "prusacam.log").read_text()
    for log in (engine.log, kept):
        assert "DEBUG" in log
        assert TOKEN not in log
        assert file.read_text().strip() not in log


def test_run_when_cameras_have_passwords_then_none_is_logged(tmp_path: Path) -> None:
    words = ["Passw0rd-in-the-URL", "Passw0rd-apart", "Passw0rd-in-a-query"]
    words += ["Passw0rd-of-a-program", "87654321"]
    more = (
        f"[camera a]\nsource: http://user:{words[0]}@127.0.0.1:9/stream\n"
        f"[camera b]\nsource: rtsp://127.0.0.1:9/live\nusername: user\n"
        f"password: {words[1]}\n"
        f"[camera c]\nsource: snapshot+http://127.0.0.1:9/?password={words[2]}\n"
        f"[camera d]\nsource: exec:/bin/false --password {words[3]}\n"
        f"[camera e]\nsource: bambu://127.0.0.1?model=P1S\naccess_code: {words[4]}\n"
        f"[prusa_camera f]\ntoken: {TOKEN}\nfingerprint: 0123456789abcdef\n"
        "server: http://127.0.0.1:9\n"
    )
    names = [f"Camera {name}: failed" for name in "abcde"]
    with running(tmp_path, configure(tmp_path, more=more)) as engine:
        engine.wait_for(*names, "Prusa camera f: ")
        engine.stop()
    kept = (tmp_path / "logs" / "prusacam.log").read_text()
    for log in (engine.log, kept):
        assert "Camera d: failed" in log
        assert [word for word in (*words, TOKEN) if word in log] == []


def test_run_when_killed_then_the_next_one_starts(tmp_path: Path) -> None:
    file = configure(tmp_path)
    with running(tmp_path, file) as engine:
        engine.process.kill()
        engine.process.wait(STOP_S)
    assert (tmp_path / "comms" / "prusacam.sock").is_socket()
    with running(tmp_path, file) as engine:
        assert engine.stop() == 0


def test_status_when_shown_then_for_people(live: Path, tmp_path: Path) -> None:
    done = prusacam(tmp_path, "status", "-c", live)
    text = done.stdout.decode()
    assert (done.returncode, said(done)) == (0, "")
    assert f"prusacam {__version__}, up " in text
    assert "front" in text
    assert "64x48" in text
    assert "failed" in text
    assert "Prusa Connect, front: " in text
    assert "  0 accepted, " in text
    assert "MANUAL by prusacam.conf, the next when it is asked for" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_status_when_asked_as_json_then_the_whole_of_it(
    live: Path, tmp_path: Path
) -> None:
    done = prusacam(tmp_path, "status", "--json", "-c", live)
    status: dict[str, Any] = json.loads(done.stdout)
    assert [camera["name"] for camera in status["cameras"]] == ["front", "side"]
    assert TOKEN not in done.stdout.decode()
    sock = live.parent / "comms" / "prusacam.sock"
    assert prusacam(tmp_path, "status", "-s", sock).returncode == 0


@pytest.mark.parametrize("command", [("status",), ("snapshot", "-o", "-")])
def test_command_when_there_is_no_engine_then_3_with_what_to_do(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = prusacam(tmp_path, *command, "-c", configure(tmp_path))
    assert (done.returncode, done.stdout) == (3, b"")
    sock = tmp_path / "comms" / "prusacam.sock"
    assert said(done) == (
        f"prusacam: no engine answers at {sock} (No such file or directory); start it "
        "with 'sudo systemctl start prusacam', or 'prusacam run -c FILE'\n"
    )


def test_command_when_the_socket_belongs_to_nobody_or_is_none_then_3(
    tmp_path: Path,
) -> None:
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(stale))
    for sock in (stale, tmp_path, tmp_path / ("x" * 200)):
        done = prusacam(tmp_path, "status", "-s", sock)
        assert done.returncode == 3
        assert said(done).count("\n") == 1


def test_command_when_another_program_holds_the_socket_then_one_line(
    tmp_path: Path,
) -> None:
    sock = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sock))
        listener.listen()
        answers = iter([b"", b"junk\n", b'{"jsonrpc":"2.0","id":1,"result":7}\n'])

        def serve() -> None:
            for answer in answers:
                client, _ = listener.accept()
                with client:
                    client.recv(4096)
                    client.sendall(answer)

        thread = threading.Thread(target=serve, name="other program")
        thread.start()
        for status in (3, 3, 1):
            done = prusacam(tmp_path, "status", "-s", sock)
            assert done.returncode == status
            assert said(done).count("\n") == 1
        thread.join(TIMEOUT_S)


def test_snapshot_when_to_a_file_then_the_picture(live: Path, tmp_path: Path) -> None:
    output = tmp_path / "a picture.jpg"
    done = prusacam(tmp_path, "snapshot", "-c", live, "-o", output)
    assert (done.returncode, said(done)) == (0, "")
    assert output.read_bytes() == JPEG
    assert done.stdout.decode().startswith(
        f"{output}: {len(JPEG)} bytes from camera 'front', "
    )


def test_snapshot_when_to_standard_output_then_the_picture_alone(
    live: Path, tmp_path: Path
) -> None:
    done = prusacam(tmp_path, "snapshot", "-c", live, "-o", "-", "--camera", "front")
    assert (done.returncode, done.stdout, said(done)) == (0, JPEG, "")


@pytest.mark.parametrize("place", ["/nowhere/x.jpg", "/dev/full", "/proc/x.jpg"])
def test_snapshot_when_it_cannot_be_written_then_1_and_one_line(
    live: Path, tmp_path: Path, place: str
) -> None:
    done = prusacam(tmp_path, "snapshot", "-c", live, "-o", place)
    assert done.returncode == 1
    assert said(done).startswith(f"prusacam: {place}: ")
    assert said(done).count("\n") == 1


def test_snapshot_when_standard_output_is_full_then_1_and_one_line(
    live: Path, tmp_path: Path
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = prusacam(tmp_path, "snapshot", "-c", live, "-o", "-", stdout=full)
    finally:
        os.close(full)
    assert done.returncode == 1
    assert said(done) == "prusacam: -: No space left on device\n"


def test_snapshot_when_nobody_reads_standard_output_then_1_and_one_line(
    live: Path, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = prusacam(tmp_path, "snapshot", "-c", live, "-o", "-", stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert said(done) == "prusacam: -: Broken pipe\n"


def test_snapshot_when_the_camera_is_unknown_or_away_then_1_with_the_reason(
    live: Path, tmp_path: Path
) -> None:
    done = prusacam(tmp_path, "snapshot", "-c", live, "-o", "-", "--camera", "x")
    assert (done.returncode, done.stdout) == (1, b"")
    assert said(done) == "prusacam: no camera 'x'; there is: front, side\n"
    done = prusacam(tmp_path, "snapshot", "-c", live, "-o", "-", "--camera", "side")
    assert (done.returncode, done.stdout) == (1, b"")
    assert said(done).startswith("prusacam: camera 'side': nothing listens at ")
