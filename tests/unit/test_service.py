# Tests of what systemd is told.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real datagram socket in systemd's place, as path and as abstract name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import socket
import subprocess
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam import service
from moonraker_prusacam.service import MAX_STATUS_CHARACTERS, Supervisor
from moonraker_prusacam.status import headline
from tests.support.command_line import (
    COMMAND,
    Feed,
    RunningEngine,
    configure,
    environment,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 10.0
BEAT_S = 0.02
WATCHDOG_USEC = str(round(2 * BEAT_S * 1e6))


class Listener:
    """The socket that systemd listens on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(WAIT_S)
        self._address = name.replace("@", "\0", 1)
        self._socket.bind(self._address)

    def hear(self) -> list[str]:
        """The lines of the next datagram."""
        return self._socket.recv(4096).decode().split("\n")

    async def hear_in_loop(self) -> list[str]:
        return await asyncio.to_thread(self.hear)

    def hear_until(self, line: str) -> list[list[str]]:
        heard = [self.hear()]
        while line not in heard[-1]:
            heard.append(self.hear())
        return heard

    def has_more(self, within_s: float) -> bool:
        self._socket.settimeout(within_s)
        try:
            self.hear()
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(WAIT_S)
        return True

    def takes_more(self) -> bool:
        """Send it what one sender may; False when that is nothing any more."""
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += sender.sendto(b"x", self._address)
        return sent > 0

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    is_path = request.param == "path"
    it = Listener(f"{tmp_path}/notify" if is_path else f"@prusacam-{uuid.uuid4().hex}")
    yield it
    it.close()


class Engine:
    """What a supervisor asks of an engine."""

    def __init__(self) -> None:
        self.words = "1 of 1 cameras ready"
        self.is_well = True

    def supervisor(self, **environment: str) -> Supervisor:
        return Supervisor(environment, lambda: self.words, lambda: self.is_well)


async def test_supervisor_when_entered_and_left_then_ready_and_stopping(
    listener: Listener,
) -> None:
    async with Engine().supervisor(NOTIFY_SOCKET=listener.name):
        assert await listener.hear_in_loop() == [
            "READY=1",
            "STATUS=1 of 1 cameras ready",
        ]
    assert await listener.hear_in_loop() == ["STOPPING=1", "STATUS=stops"]


async def test_status_when_it_changes_then_told_once(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STATUS_INTERVAL_S", 0.005)
    engine = Engine()
    async with engine.supervisor(NOTIFY_SOCKET=listener.name):
        await listener.hear_in_loop()
        engine.words = "front: failed\nWATCHDOG=1"  # a name cannot make commands
        assert await listener.hear_in_loop() == ["STATUS=front: failed WATCHDOG=1"]
        engine.words = "x" * 5000
        (line,) = await listener.hear_in_loop()
        assert line == "STATUS=" + "x" * MAX_STATUS_CHARACTERS
    assert (await listener.hear_in_loop())[0] == "STOPPING=1"


async def test_watchdog_when_all_is_well_then_beats_at_half_the_time(
    listener: Listener,
) -> None:
    supervisor = Engine().supervisor(
        NOTIFY_SOCKET=listener.name,
        WATCHDOG_USEC="30000000",
        WATCHDOG_PID=str(os.getpid()),
    )
    assert supervisor.beat_interval_s == 15
    supervisor.beat_interval_s = BEAT_S
    began = time.monotonic()
    async with supervisor:
        assert (await listener.hear_in_loop())[0] == "READY=1"
        for _ in range(5):
            assert await listener.hear_in_loop() == ["WATCHDOG=1"]
        assert time.monotonic() - began >= 4 * BEAT_S * 0.9


async def test_watchdog_when_the_loop_stalls_then_no_beat_until_it_turns(
    listener: Listener,
) -> None:
    async with Engine().supervisor(
        NOTIFY_SOCKET=listener.name, WATCHDOG_USEC=WATCHDOG_USEC
    ):
        await listener.hear_in_loop()
        await listener.hear_in_loop()
        # The loop does not turn while this very function runs: what is in the socket
        # already is heard, and then nothing for many times the interval.
        while listener.has_more(BEAT_S / 2):
            pass
        assert not listener.has_more(10 * BEAT_S)
        assert await listener.hear_in_loop() == ["WATCHDOG=1"]


async def test_watchdog_when_the_pump_is_stuck_then_no_beat_and_one_line(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine()
    engine.is_well = False
    asked = 0
    enough = asyncio.Event()

    def is_well() -> bool:
        nonlocal asked
        asked += 1
        if asked == 10:
            enough.set()
        return engine.is_well

    environment = {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": WATCHDOG_USEC}
    async with Supervisor(environment, lambda: engine.words, is_well):
        await asyncio.wait_for(enough.wait(), WAIT_S)
        engine.is_well = True
        heard = await asyncio.to_thread(listener.hear_until, "WATCHDOG=1")
        assert [lines[0] for lines in heard] == ["READY=1", "WATCHDOG=1"]
    assert [r.levelname for r in caplog.records].count("ERROR") == 1


@pytest.mark.parametrize(
    ("usec", "pid", "beat_s"),
    [
        ("30000000", "", 15.0),
        ("30000000", "ours", 15.0),
        ("30000000", "1", 0.0),
        ("", "", 0.0),
        ("-5", "", 0.0),
        ("many", "", 0.0),
        ("0", "", 0.0),
    ],
)
def test_watchdog_when_the_environment_says_so_then_beats(
    usec: str, pid: str, beat_s: float
) -> None:
    told = pid.replace("ours", str(os.getpid()))
    supervisor = Engine().supervisor(WATCHDOG_USEC=usec, WATCHDOG_PID=told)
    assert supervisor.beat_interval_s == beat_s


def test_environment_when_read_then_children_do_not_inherit_it() -> None:
    environment = {
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "1",
        "WATCHDOG_PID": "1",
        "PATH": "/bin",
    }
    Supervisor(environment, str, bool)
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize("name", ["", "relative/path", "vsock:2:9999"])
async def test_supervisor_when_nobody_listens_then_nothing_happens(name: str) -> None:
    async with Engine().supervisor(NOTIFY_SOCKET=name, WATCHDOG_USEC="2") as it:
        assert len(it._tasks) == 0


async def test_supervisor_when_the_socket_is_gone_then_one_line_and_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = str(tmp_path / "gone")
    async with Engine().supervisor(NOTIFY_SOCKET=gone, WATCHDOG_USEC=WATCHDOG_USEC):
        listener = Listener(gone)
        try:
            assert await listener.hear_in_loop() == ["WATCHDOG=1"]
        finally:
            listener.close()
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings[0] == "systemd's socket: No such file or directory"


async def test_supervisor_when_the_listener_is_full_then_given_up_in_time(
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(service, "SEND_TIMEOUT_S", 0.05)
    while listener.takes_more():
        pass
    async with Engine().supervisor(NOTIFY_SOCKET=listener.name):
        pass
    assert "systemd's socket: is full" in caplog.text


def test_run_when_supervised_then_ready_beats_status_and_stopping(
    tmp_path: Path, listener: Listener
) -> None:
    feed = Feed()
    told = {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": "200000"}
    try:
        with running(tmp_path, configure(tmp_path, feed.port), told) as engine:
            heard = listener.hear_until("WATCHDOG=1")
            assert heard[0][0] == "READY=1"
            assert heard[0][1].startswith("STATUS=")
            assert " of 1 cameras ready" in heard[0][1]
            assert engine.stop() == 0
            assert listener.hear_until("STOPPING=1")
    finally:
        feed.close()


def test_run_when_the_process_is_stopped_then_beats_end_until_it_goes_on(
    tmp_path: Path, listener: Listener
) -> None:
    told = {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": "100000"}
    with running(tmp_path, configure(tmp_path), told) as engine:
        listener.hear_until("WATCHDOG=1")
        _signal(engine, "STOP")
        try:
            while listener.has_more(0.06):
                pass
            assert not listener.has_more(0.5)
        finally:
            _signal(engine, "CONT")
        listener.hear_until("WATCHDOG=1")


def test_run_when_the_watchdog_aborts_it_then_it_says_where_it_was(
    tmp_path: Path,
) -> None:
    with running(tmp_path, configure(tmp_path)) as engine:
        assert engine.stop(signal.SIGABRT) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in engine.log
    assert "Current thread" in engine.log


def test_run_when_standard_error_is_closed_then_it_serves_and_logs(
    tmp_path: Path,
) -> None:
    file = configure(tmp_path)
    command = shlex.join([*COMMAND, "run", "-c", str(file)])
    listener = Listener(f"{tmp_path}/notify")
    told = environment(tmp_path) | {"NOTIFY_SOCKET": listener.name}
    with subprocess.Popen(["sh", "-c", f"exec {command} 2>&-"], env=told) as engine:
        try:
            listener.hear_until("READY=1")
        finally:
            engine.terminate()
            assert engine.wait(WAIT_S) == 0
            listener.close()
    assert "prusacam stops" in (tmp_path / "logs" / "prusacam.log").read_text()


def test_run_when_it_cannot_begin_then_never_ready(
    tmp_path: Path, listener: Listener
) -> None:
    (tmp_path / "comms").touch()
    engine = RunningEngine(
        tmp_path, configure(tmp_path), {"NOTIFY_SOCKET": listener.name}
    )
    assert engine.process.wait(WAIT_S) == 1
    engine.stop()
    assert not listener.has_more(0.05)


def _signal(engine: RunningEngine, name: str) -> None:
    subprocess.run(["kill", f"-{name}", str(engine.process.pid)], check=True)


def test_headline_when_a_print_is_recorded_then_what_matters_in_one_line() -> None:
    status = {
        "viewers": 3,
        "cameras": [
            {"name": "front", "state": "live"},
            {"name": "bed", "state": "failed"},
            {"name": "roof", "state": "idle"},
        ],
        "timelapse": {"active": {"state": "recording", "filename": "cube.gcode"}},
        "multicam": {
            "sessions": [
                {"state": "collecting", "devices": [{}]},
                {"state": "recording", "devices": [{}, {}, {}]},
            ]
        },
    }
    assert headline(status) == (
        "2 of 3 cameras ready, bed: failed, 3 viewers, recording cube.gcode, "
        "MultiCam with 3 devices"
    )
