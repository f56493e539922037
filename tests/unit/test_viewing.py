# Tests of an engine that asks for viewing tokens.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webcams work without anybody's doing; the status tells nobody how to get in."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from moonraker_prusacam import viewing
from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import loads
from moonraker_prusacam.control import Peer, connect
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.viewing_tokens import DAY_S, ViewingTokens
from tests.support.control import Notes
from tests.support.feeder import Feeder
from tests.support.jpeg import picture
from tests.support.viewers import Answer, HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WAIT_S = 10.0
CONFIG = """
[engine]
data_path: {folder}
port: 0
[access]
require_token: {required}
[camera front]
source: {url}
stale_after: 600
[camera bed cam]
source: tcp://127.0.0.1:9
"""
TOKEN = re.compile(r"[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{43}")


@asynccontextmanager
async def running(
    folder: Path, *, required: bool = True
) -> AsyncIterator[tuple[Engine, Peer]]:
    async with Feeder() as feed:
        text = CONFIG.format(folder=folder, url=feed.url, required=required)
        config = loads(text)
        async with Engine(config) as engine:
            await feed.arrived(1)
            await feed.send(picture(64, 48))
            await engine.cameras["front"].wait_newer(0, WAIT_S)
            async with connect(config.engine.socket_path) as client:
                yield engine, client


async def fetch(engine: Engine, target: str) -> Answer:
    async with HttpClient("127.0.0.1", engine.web_port) as client:
        return await client.read_answer(target)


def target_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


async def test_webcams_when_tokens_are_on_then_their_addresses_open(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (engine, client):
        listed = await client.call("camera.list", {})
        front, bed = listed["cameras"]
        assert (await fetch(engine, target_of(front["snapshot_url"]))).status == 200
        async with HttpClient("127.0.0.1", engine.web_port) as viewer:
            head = await viewer.ask(target_of(front["stream_url"]))
            parser = StrictParser(head.content_type)
            assert len(await viewer.read_frames(parser, 1)) == 1
        # Each is for its own camera.
        (token,) = parse_qs(urlsplit(bed["stream_url"]).query)["token"]
        assert (await fetch(engine, f"/snapshot.jpg?token={token}")).status == 401
        told = await client.call("camera.stream", {"camera": "front", "viewer": "me"})
        async with HttpClient("127.0.0.1", engine.web_port) as viewer:
            assert (await viewer.ask(target_of(told["stream_url"]))).status == 200


async def test_status_when_tokens_are_on_then_it_holds_none(tmp_path: Path) -> None:
    async with running(tmp_path) as (engine, client):
        assert (await fetch(engine, "/status.json")).status == 401
        assert engine.viewing is not None
        token = engine.viewing.tokens.issue(None, 60.0)
        answer = await fetch(engine, f"/status.json?token={token}")
        over_socket = json.dumps(await client.call("engine.status", {}))
        for status in (answer.body.decode(), over_socket, repr(engine.config)):
            assert "front" in status
            assert not TOKEN.search(status)


async def test_webcams_when_tokens_are_off_then_nothing_is_made(tmp_path: Path) -> None:
    async with running(tmp_path, required=False) as (engine, client):
        listed = json.dumps(await client.call("camera.list", {}))
        assert not TOKEN.search(listed)
        assert not ViewingTokens(engine.config.engine.state_path).path.exists()
        assert await client.call("engine.revoke_tokens", {}) == {"revoked": False}


async def test_revocation_when_asked_for_then_streams_end_and_webcams_are_told(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (engine, client):
        before = (await client.call("camera.list", {}))["cameras"][0]
        notes = Notes()

        async def hear(event: dict[str, Any]) -> None:
            notes.note(event["event"])

        path = engine.config.engine.socket_path
        async with (
            connect(path, {"camera.event": hear}) as listener,
            HttpClient("127.0.0.1", engine.web_port) as viewer,
        ):
            await listener.call("engine.identify")
            head = await viewer.ask(target_of(before["stream_url"]))
            assert head.status == 200
            assert await client.call("engine.revoke_tokens", {}) == {"revoked": True}
            await viewer.read_to_end()
            await notes.until_count("list_changed", 1)
        assert (await fetch(engine, target_of(before["snapshot_url"]))).status == 401
        after = (await client.call("camera.list", {}))["cameras"][0]
        assert (await fetch(engine, target_of(after["snapshot_url"]))).status == 200


async def test_webcams_when_the_day_is_over_then_told_of_new_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "LOOK_INTERVAL_S", 0.01)
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    key = viewing.ViewingKey(tmp_path, told.put_nowait)
    try:
        await key.start()
        before = key.tokens.shared("front")
        tomorrow_s = key.tokens.clock.now_s + DAY_S
        monkeypatch.setattr(key.tokens.clock, "_floor_s", tomorrow_s)
        async with asyncio.timeout(WAIT_S):
            assert await told.get() == {"event": "list_changed"}
        assert key.tokens.shared("front") != before
        assert key.tokens.check(before, "front") > 0
    finally:
        await key.aclose()
    assert told.empty()


async def test_engine_when_the_key_is_damaged_then_it_does_not_start_open(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "prusacam" / "access"
    folder.mkdir(parents=True)
    (folder / "viewing.key").write_text("nonsense")
    with pytest.raises(ConfigError, match="prusacam token --revoke"):
        async with running(tmp_path):
            pass


async def test_clock_when_its_file_cannot_be_written_then_the_engine_runs_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "access" / "clock").mkdir(parents=True)
    key = viewing.ViewingKey(tmp_path, lambda _: None)
    try:
        await key.start()
        assert key.tokens.check(key.tokens.shared("front"), "front") > 0
    finally:
        await key.aclose()
    assert "may be good again" in caplog.text
