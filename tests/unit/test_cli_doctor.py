# Tests of ``prusacam doctor``.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as a user runs it: exit status, the table, and JSON."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import (
    TOKEN,
    Feed,
    configure,
    prusacam,
    running,
    said,
)

if TYPE_CHECKING:
    from pathlib import Path

CONNECT = f"[connect front]\ntoken: {TOKEN}\nserver: http://127.0.0.1:9\n"
UI = ("--ui", "http://127.0.0.1:9/")


def findings(home: Path, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    done = prusacam(home, "doctor", "--json", *UI, *arguments)
    assert said(done) == ""
    answer = json.loads(done.stdout)
    assert TOKEN not in done.stdout.decode()
    found = {finding["name"]: finding for finding in answer["findings"]}
    return done.returncode, {"state": answer["state"], **found}


def test_doctor_when_an_engine_runs_then_it_looks_at_itself(tmp_path: Path) -> None:
    feed = Feed()
    try:
        file = configure(tmp_path, feed.port)
        with running(tmp_path, file) as engine:
            engine.wait_for("Camera front: live")
            status, found = findings(tmp_path, "-c", file)
            assert (status, found["engine"]["state"]) == (0, found["state"]) or (
                found["state"] == "warning"
            )
            assert found["camera"]["state"] == "ok"
            done = prusacam(tmp_path, "doctor", "-c", file, *UI)
    finally:
        feed.close()
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "camera front" in text
    assert "→" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text  # nothing is cut off


def test_doctor_when_nothing_runs_then_1_and_each_finding_has_its_remedy(
    tmp_path: Path,
) -> None:
    file = configure(tmp_path, 9, CONNECT)
    status, found = findings(tmp_path, "-c", file)
    assert (status, found["state"]) == (1, "failed")
    for name in ("engine", "camera", "tls"):
        assert found[name]["state"] == "failed"
        assert found[name]["remedy"]
    for name in ("fingerprint", "upload", "clock", "webcam"):
        assert found[name]["state"] == "skipped"
    done = prusacam(tmp_path, "doctor", "-c", file, "--dry-run")
    assert done.returncode == 1
    assert "3 failed." in done.stdout.decode()
    assert TOKEN not in done.stdout.decode()


@pytest.mark.parametrize("as_json", [True, False])
def test_doctor_when_the_configuration_is_wrong_then_2_and_all_mistakes(
    tmp_path: Path, as_json: bool
) -> None:
    file = tmp_path / "prusacam.conf"
    file.write_text(f"[camera a]\nsuorce: x\n[connect a]\ntoken: {TOKEN}x\n")
    done = prusacam(tmp_path, "doctor", "-c", file, *(["--json"] if as_json else []))
    text = done.stdout.decode()
    assert done.returncode == 2
    assert TOKEN not in text
    if as_json:
        listed = json.loads(text)["findings"]
        assert [finding["name"] for finding in listed] == ["configuration"] * 3
        assert any("did you mean 'source'" in f["found"] for f in listed)
    else:
        assert "did you mean 'source'" in " ".join(text.split())


def test_doctor_when_the_file_is_absent_then_2(tmp_path: Path) -> None:
    done = prusacam(tmp_path, "doctor")
    assert done.returncode == 2
    assert "No such file" in done.stdout.decode()


@pytest.mark.parametrize("address", ["nonsense", "http://u:p@h/", "file:///etc"])
def test_doctor_when_the_address_is_wrong_then_2(tmp_path: Path, address: str) -> None:
    done = prusacam(tmp_path, "doctor", "-c", configure(tmp_path), "--ui", address)
    assert done.returncode == 2
    assert said(done).startswith("prusacam: --ui ")


def test_doctor_when_the_socket_is_held_by_a_mute_then_the_engine_failed(
    tmp_path: Path,
) -> None:
    file = configure(tmp_path)
    path = tmp_path / "comms" / "prusacam.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        connection: list[socket.socket] = []

        def hang_up() -> None:
            connection.append(listener.accept()[0])
            connection[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        status, found = findings(tmp_path, "-c", file)
        thread.join()
    assert status == 1
    assert found["engine"]["state"] == "failed"
    assert "closed" in found["engine"]["found"]
    assert "camera" not in found
