# Tests of what the status tells of MultiCam.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures are true, the whole of it is small, and nothing is asked for it."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.errors import MultiCamUnavailable
from moonraker_prusacam.multicam.controller import exchange
from moonraker_prusacam.multicam.controller.notice import MAX_SHOWN
from moonraker_prusacam.multicam.controller.roster import Roster
from moonraker_prusacam.multicam.controller.session import Session
from moonraker_prusacam.multicam.device.server import DeviceServer
from moonraker_prusacam.multicam_options import (
    Address,
    MultiCamConfig,
    MultiCamSections,
)
from moonraker_prusacam.networks import networks
from tests.support.multicam_bench import COMPLETE, CONFIG, PRINTING, bench, hurry
from tests.support.multicam_device import Client, stage
from tests.support.multicam_peer import VIDEO, Peer

if TYPE_CHECKING:
    from pathlib import Path


RAW = "Connect call failed"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_status_when_videos_come_or_not_then_both_are_counted(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, Peer("dead") as dead:
        config = attrs.evolve(CONFIG, collect_timeout_s=0.2)
        async with bench(tmp_path, peer, dead, config=config) as made:
            before = made.controller.status()
            assert before["totals"] == {"videos": 0, "missing": 0, "bytes": 0}
            assert before["known"] == {"section": 2, "camera": 0, "announced": 0}
            await made.event("started", PRINTING)
            await made.started()
            assert len(made.controller.status()["sessions"]) == 1
            await dead.close()
            await made.event("complete", COMPLETE)
            await made.done()
            told = made.controller.status()
            assert told["totals"] == {"videos": 1, "missing": 1, "bytes": len(VIDEO)}
            assert (told["sessions"], told["last"]["state"]) == ([], "done")
            # What is there already is not counted when the rest is asked for again.
            await made.controller.collect()
            await made.done()
            told = made.controller.status()
            assert told["totals"] == {"videos": 1, "missing": 2, "bytes": len(VIDEO)}


async def test_log_when_a_device_is_dead_then_told_at_once_and_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Peer() as peer, Peer("dead") as dead:
        nowhere = dead.address
        await dead.close()
        async with bench(tmp_path, peer, nowhere) as made:
            await made.event("started", PRINTING)
            told = f"no video of device1: nothing listens at {nowhere}"
            await made.until(lambda: told in caplog.text)
            await made.started()
            assert caplog.text.count(told) == 1
            await made.event("complete", COMPLETE)
            await made.done()
    assert caplog.text.count(told) == 1
    assert "MultiCam records cube.gcode with 2 devices" in caplog.text
    assert "is done with cube.gcode: 1 of 2 videos there, not of device1" in caplog.text


async def test_status_when_devices_and_sessions_are_many_then_it_is_bounded(
    tmp_path: Path,
) -> None:
    sections = MultiCamSections(MultiCamConfig(max_devices=64))
    roster = Roster(sections)
    for number in range(5000):
        roster.announce("x" * 60 + str(number), Address("192.0.2.1", number + 1))
    assert len(roster.devices) == 64
    async with bench(tmp_path) as made:
        made.controller.roster = roster
        for _ in range(MAX_SHOWN + 3):
            takes = roster.takes()
            for take in takes:
                take.reason = take.warning = "y" * 1024
            session = await asyncio.to_thread(
                Session.create, made.sessions, takes=takes
            )
            made.controller._sessions.known.append(session)
        told = made.controller.status()
        assert len(told["sessions"]) == MAX_SHOWN
        assert len(json.dumps(told)) < 2 << 20
        made.controller._sessions.known.clear()


async def test_camera_when_it_records_then_ring_and_recordings_are_told(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as standing:
        await standing.frame()
        told = standing.service.status()
        assert told["state"] == "ready"
        assert told["recordings"] == {"files": 0, "bytes": 0}
        assert 0 < told["pre_roll"]["bytes"] < told["pre_roll"]["limit_bytes"]
        assert told["pre_roll"]["frames"] >= 1
        client = await standing.client()
        await client.ask("START_RECORDING", timestamp=0)
        told = standing.service.status()
        assert (told["state"], told["connections"]) == ("recording", 1)
        assert told["recording"]["began"] is not None
        stopped = await client.ask("STOP_RECORDING")
        told = standing.service.status()
        assert told["recordings"] == {"files": 1, "bytes": stopped["fileSize"]}
        assert told["recording"] is None


async def test_camera_when_recordings_are_there_from_before_then_counted(
    tmp_path: Path,
) -> None:
    (tmp_path / "bed").mkdir()
    (tmp_path / "bed" / "Prusa-00000000_1729000000000.mp4").write_bytes(b"x" * 100)
    async with stage(tmp_path) as standing:
        told = standing.service.status()
    assert told["recordings"] == {"files": 1, "bytes": 100}


async def test_camera_when_peers_are_no_guests_then_counted(tmp_path: Path) -> None:
    async with stage(tmp_path, networks=networks("192.0.2.0/24")) as standing:
        for _ in range(3):
            client = await Client.connect(standing.port)
            assert await client.ended() == b""
            await client.aclose()
        told = standing.service.status()
    assert (told["refused"], told["connections"]) == (3, 0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, RAW), "x:1: the name is not known"),
        (ConnectionRefusedError(errno.ECONNREFUSED, RAW), "nothing listens at x:1"),
        (TimeoutError(), "x:1 does not answer: is MultiCam open there"),
        (OSError(errno.EHOSTUNREACH, RAW), "there is no way to x:1: is MultiCam"),
        (OSError(errno.ENETUNREACH, RAW), "there is no way to x:1: is MultiCam"),
        (OSError(RAW), "there is no way to x:1: is MultiCam"),
        (ConnectionResetError(errno.ECONNRESET, RAW), "x:1: connection reset by peer"),
    ],
)
async def test_device_when_it_is_absent_then_told_in_words_for_people(
    error: OSError, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(asyncio, "open_connection", fail)
    with pytest.raises(MultiCamUnavailable) as caught:
        await exchange.ask_status(Address("x", 1))
    assert str(caught.value).startswith(words)
    assert RAW not in str(caught.value)


async def test_camera_when_its_port_is_taken_then_what_to_change(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with stage(tmp_path) as standing:
            assert standing.service.server is not None
            server = DeviceServer(
                standing.service.server._responder,
                "127.0.0.1",
                port,
                networks("private"),
            )
            with pytest.raises(MultiCamUnavailable) as caught:
                await server.start()
    where = f"127.0.0.1, port {port}"
    assert str(caught.value) == (
        f"cannot listen at {where}: address already in use; set another 'port'"
    )
