# Tests of what the installer is told and asks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each question has an option; install.sh and the command take the same ones."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import moonraker_prusacam
from moonraker_prusacam import config as configuration
from moonraker_prusacam.cli import main
from moonraker_prusacam.errors import InstallError
from moonraker_prusacam.install import questions
from moonraker_prusacam.install.first_config import Answers, first_config
from moonraker_prusacam.install.host import Host
from moonraker_prusacam.install.options import (
    INSTALL_FLAGS,
    UNINSTALL_FLAGS,
    Options,
    parse,
)
from moonraker_prusacam.source_url import source_url
from tests.support.printer_host import PrinterHost, tree

ROOT = Path(moonraker_prusacam.__file__).parents[1]
TIMEOUT_S = 30.0


def run_script(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    # A folder of our own first: the script takes the first Python that is new enough.
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        [str(ROOT / "install.sh"), *map(str, words)],
        env={"PATH": path, "HOME": "/nowhere", **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_script_when_run_dry_then_it_needs_nothing_but_python_and_changes_nothing(
    tmp_path: Path,
) -> None:
    printer = PrinterHost.make(tmp_path / "host")
    printer.add_git_moonraker()
    printer.add_data()
    printer.add_usual_unit()
    before = tree(tmp_path)
    sources = tree(ROOT / "moonraker_prusacam/install")
    done = run_script(
        *("--dry-run", "--yes", "--home", printer.home, "--root", printer.root)
    )
    assert done.returncode == 0, done.stderr
    assert "+[prusacam]" in done.stdout
    assert tree(tmp_path) == before
    assert tree(ROOT / "moonraker_prusacam/install") == sources


def test_script_when_run_by_sudo_then_it_refuses(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("we are not root")
    done = run_script("--dry-run", SUDO_USER="pi")
    assert done.returncode == 1
    assert "run it as pi, without sudo" in done.stderr


def test_script_when_there_is_no_python_then_it_says_which_it_needs(
    tmp_path: Path,
) -> None:
    for name in ("bash", "env", "dirname", "id"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = run_script("--dry-run", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def test_script_when_there_is_no_moonraker_then_one_line_says_what_helps(
    tmp_path: Path,
) -> None:
    printer = PrinterHost.make(tmp_path / "host")
    done = run_script("--yes", "--home", printer.home, "--root", printer.root)
    assert done.returncode == 1
    assert done.stderr.startswith("prusacam: no Moonraker was found")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "flags"), [("install", INSTALL_FLAGS), ("uninstall", UNINSTALL_FLAGS)]
)
def test_command_when_asked_for_help_then_it_has_what_the_script_has(
    command: str, flags: tuple[object, ...]
) -> None:
    told = CliRunner().invoke(main, [command, "--help"]).output
    script = run_script(command, "--help").stdout
    for flag in (*INSTALL_FLAGS, *UNINSTALL_FLAGS):
        assert (flag.name in told) == (flag in flags)
        assert (flag.name in script) == (flag in flags)
        assert flag.name in (ROOT / "docs/installation.md").read_text()


def test_command_when_given_options_then_they_arrive(tmp_path: Path) -> None:
    printer = PrinterHost.make(tmp_path / "host")
    words = ["--yes", "--home", str(printer.home), "--root", str(printer.root)]
    done = CliRunner().invoke(main, ["uninstall", *words, "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "moonraker.conf is not there" in done.output


def test_options_when_parsed_then_tildes_are_the_users_home() -> None:
    command, options = parse(["install", "--data", "~/printer_data", "--feed"])
    assert command == "install"
    assert options.data == Path.home() / "printer_data"
    assert (options.feed, options.yes) == (True, False)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    printer = PrinterHost.make(tmp_path)
    printer.listen_on(8080)
    return Host(printer.home, "pi", printer.root)


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    given = iter(lines)
    monkeypatch.setattr("builtins.input", lambda _: next(given))
    monkeypatch.setattr(getpass, "getpass", lambda _: next(given))


def test_questions_when_answered_then_the_camera_and_the_token_are_taken(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "9", "x", "", " tokentokentokentoken ")
    answers = questions.ask(Options(), host, host.home)
    assert answers.source == "http://127.0.0.1:8080/?action=stream"
    assert answers.token == b"tokentokentokentoken"
    told = capsys.readouterr().out
    assert "1. a streamer on port 8080" in told
    assert told.count("That is no number from 1 to 3.") == 2
    assert "tokentoken" not in repr(answers) + told


def test_questions_when_another_source_is_wanted_then_it_is_asked_for(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "2", "rtsp://10.0.0.9/stream1", "")
    answers = questions.ask(Options(name="bed"), host, host.home)
    assert answers == Answers("bed", "rtsp://10.0.0.9/stream1", None)


def test_questions_when_nobody_answers_then_that_is_said(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    with pytest.raises(InstallError, match="--yes"):
        questions.ask(Options(), host, host.home)


@pytest.mark.parametrize("agreed", ["", "y", "YES"])
def test_confirmation_when_given_then_it_holds(
    host: Host, monkeypatch: pytest.MonkeyPatch, agreed: str
) -> None:
    answer(monkeypatch, agreed, "no")
    assert questions.confirm("Go on?", host)
    assert not questions.confirm("Go on?", host)


@pytest.mark.parametrize("token", [None, b"tokentokentokentoken"])
@pytest.mark.parametrize("has_ffmpeg", [False, True])
@pytest.mark.parametrize(
    "source",
    [
        "test:",
        "exec:rpicam-vid -t 0 -n --codec mjpeg -o -",
        "v4l2:/dev/v4l/by-id/usb-x-video-index0",
        "http://127.0.0.1:8080/?action=stream",
        "tcp://127.0.0.1:9000",
    ],
)
def test_first_configuration_when_read_then_it_is_what_was_answered(
    tmp_path: Path, source: str, has_ffmpeg: bool, token: bytes | None
) -> None:
    answers = Answers("front", source, token)
    answers.expect_sound()
    stored = tmp_path / "prusacam/connect/front.token"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(token or b"")
    text = first_config(answers, tmp_path, 8082, has_ffmpeg=has_ffmpeg)
    config = configuration.loads(text.decode())
    assert config.engine.data_path == tmp_path
    assert config.engine.port == 8082
    (camera,) = config.cameras
    assert camera.source == source_url(source)
    assert bool(config.timelapse) == has_ffmpeg
    assert [one.secret.reveal() for one in config.connect] == (
        [token.decode()] if token else []
    )


def test_first_configuration_when_all_hints_are_taken_then_it_is_still_sound(
    tmp_path: Path,
) -> None:
    answers = Answers("front", "test:", b"tokentokentokentoken")
    stored = tmp_path / "prusacam/connect/front.token"
    stored.parent.mkdir(parents=True)
    stored.write_text("tokentokentokentoken")
    text = first_config(answers, tmp_path, 8081, has_ffmpeg=True).decode()
    hints = ("# rotation:", "# flip_horizontal:", "# style:")
    lines = [
        line.removeprefix("# ") if line.startswith(hints) else line
        for line in text.splitlines()
    ]
    config = configuration.loads("\n".join(lines))
    assert config.cameras[0].rotation == 180
    assert config.timelapse is not None


def test_system_dependencies_when_compared_then_moonraker_is_told_the_same() -> None:
    listed = json.loads((ROOT / "system-dependencies.json").read_text())
    told = json.loads((ROOT / "moonraker_prusacam/release_info").read_text())
    assert told["system_dependencies"] == listed
    assert set(listed["debian"]) == {"python3-venv", "ffmpeg"}
