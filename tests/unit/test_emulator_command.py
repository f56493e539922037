# Tests of `prusacam emulator`.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Prusa Connect as a process of its own, used over HTTP alone."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from moonraker_prusacam.emulator.connect import (
    PRINTER_RULES,
    RULES,
    FaultKind,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "moonraker_prusacam", "emulator", "connect"]
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "emulator.md").read_text()
TIMEOUT_S = 20.0
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20 + b"\xff\xd9"
SHOWN = 7


@contextmanager
def running() -> Iterator[dict[str, str]]:
    """A local Prusa Connect, and what it tells of itself."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(SHOWN)]
            yield dict(line.strip().split(maxsplit=1) for line in lines)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0
        assert process.stdout.read() == ""


def ask(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, data, sent, method=method)
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read()
    except HTTPError as answer:
        with answer:
            return answer.code, answer.read()


def test_emulator_connect_when_run_alone_then_it_can_be_used_as_it_says() -> None:
    with running() as shown:
        server = shown["server:"]
        camera = {
            "Token": shown["token:"],
            "Fingerprint": "f" * 32,
            "Content_Type": "image/jpg",
        }
        assert ask("PUT", f"{server}/c/snapshot", JPEG, **camera) == (204, b"")
        fault = {"kind": "answer", "answer": "503", "endpoint": "/c/snapshot"}
        assert ask("POST", f"{server}/_ctl/faults", fault)[0] == 201
        assert ask("PUT", f"{server}/c/snapshot", JPEG, **camera)[0] == 503
        session = {"Authorization": f"Bearer {shown['session:']}"}
        path = f"/app/printers/{shown['printer:']}/camera?origin=OTHER"
        assert ask("POST", server + path, **session)[0] == 201
        log = json.loads(ask("GET", shown["log:"])[1])
    assert [request["status"] for request in log["requests"]] == [204, 503, 201]
    assert shown["token:"] not in json.dumps(log)


def test_emulator_connect_when_a_printer_registers_then_it_can_be_commanded() -> None:
    with running() as shown:
        server = shown["server:"]
        serial = {"sn": "SN-1", "fingerprint": "f" * 32, "printer_type": "1.3.0"}
        assert ask("POST", f"{server}/p/register", serial)[0] == 200
        assert ask("POST", shown["confirm:"])[0] == 200
        told = json.loads(ask("GET", shown["printers:"])[1])
        assert (told["registered"], told["informed"]) == (True, False)
        command = {"command": "SEND_INFO"}
        assert ask("POST", f"{shown['printers:']}/commands", command)[0] == 201
        assert json.loads(ask("GET", f"{shown['printers:']}/commands/1")[1]) == {
            "id": 1,
            "command": "SEND_INFO",
            "args": [],
            "kwargs": {},
            "gcode": None,
            "force": False,
            "state": "waiting",
            "sent_s": [],
            "answers": [],
        }


def test_emulator_connect_when_the_port_is_taken_then_1_and_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"prusacam: 127.0.0.1 port {port}: ")
    assert done.stderr.count("\n") == 1


def cells(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of docs/emulator.md."""
    table = PAGE.split(f"## {heading}\n", 1)[1].split("\n|", 1)[1]
    rows = ("|" + table).split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.parametrize(
    ("heading", "rules"), [("Rules", RULES), ("Rules for printers", PRINTER_RULES)]
)
def test_rules_when_compared_with_the_page_then_the_same(
    heading: str, rules: tuple[Rule, ...]
) -> None:
    assert cells(heading) == [
        [rule.name, rule.request, rule.answer, rule.evidence, rule.source]
        for rule in rules
    ]


@pytest.mark.parametrize("kind", FaultKind)
def test_fault_when_looked_up_on_the_page_then_explained(kind: FaultKind) -> None:
    explained = {row[0]: row[1] for row in cells("Faults")}
    assert explained[f"`{kind}`"]
