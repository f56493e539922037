# Tests of the component's link to the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link's life: it comes back by itself, and a bad engine costs it nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.component import connection, link
from moonraker_prusacam.component.errors import (
    EngineAbsent,
    EngineBusy,
    EngineError,
    EngineTimeout,
    LinkError,
    UnfitRequest,
)
from moonraker_prusacam.component.link import EngineLink
from tests.support.fake_engine import Failure, FakeEngine, Silence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.component.link import EngineIdentity

WAIT_S = 10.0


class Owner:
    """Records what the link tells."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.notifications: list[tuple[str, dict[str, Any]]] = []
        self.defect: Exception | None = None
        self._changed = asyncio.Event()

    def link_up(self, identity: EngineIdentity) -> None:
        self._note(f"up {identity.instance}")

    def link_down(self, reason: str) -> None:
        self._note(f"down {reason}")

    def engine_notified(self, method: str, params: dict[str, Any]) -> None:
        if self.defect is not None:
            raise self.defect
        self.notifications.append((method, params))
        self._changed.set()

    def _note(self, state: str) -> None:
        self.states.append(state)
        self._changed.set()

    async def wait_for_state(self, text: str, count: int = 1) -> str:
        async with asyncio.timeout(WAIT_S):
            while len(found := [s for s in self.states if text in s]) < count:
                self._changed.clear()
                await self._changed.wait()
        return found[count - 1]

    async def wait_for_notifications(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.notifications) < count:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr(link, "BACKOFF_MAX_S", 0.05)


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    return FakeEngine(tmp_path / "comms" / "prusacam.sock")


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
async def engine_link(engine: FakeEngine, owner: Owner) -> AsyncIterator[EngineLink]:
    it = EngineLink(engine.socket_path, "v0.11.0", owner)
    it.start()
    yield it
    await it.aclose()


async def test_link_when_engine_appears_then_is_identified_and_up(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    await owner.wait_for_state("No such file")
    async with engine:
        await owner.wait_for_state("up engine-1")
        assert engine_link.is_up
        assert engine.calls("engine.identify") == [
            {"client": "moonraker", "version": "v0.11.0"}
        ]


async def test_link_when_down_then_calls_fail_at_once_with_the_reason(
    engine_link: EngineLink, owner: Owner
) -> None:
    await owner.wait_for_state("down")
    with pytest.raises(EngineAbsent, match="No such file") as caught:
        engine_link.request("engine.status", {})
    assert caught.value.http_status == 503
    with pytest.raises(EngineAbsent):
        engine_link.notify("job.event", {})


async def test_link_when_engine_restarts_then_comes_back(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    for count, instance in enumerate(("first", "second"), start=1):
        engine.instance = instance
        async with engine:
            await owner.wait_for_state(f"up {instance}")
        await owner.wait_for_state("it closed the connection", count)
    assert not engine_link.is_up


async def test_link_when_state_lasts_then_logs_one_line(
    engine: FakeEngine,
    engine_link: EngineLink,
    owner: Owner,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    engine.answers["engine.identify"] = Failure("not now")
    async with engine:
        await engine.wait_for_call("engine.identify", 3)
        del engine.answers["engine.identify"]
        await owner.wait_for_state("up")
        engine.disconnect()
        await owner.wait_for_state("up", 2)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[1].split(",")[0] for line in lines] == [
        " no engine",
        " connected to the engine",
        " no engine",
        " connected to the engine",
    ]


async def test_call_when_answered_then_returns_the_result(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    engine.answers["camera.list"] = lambda params: {"got": params}
    async with engine:
        await owner.wait_for_state("up")
        results = await asyncio.gather(
            *(engine_link.call("camera.list", {"n": n}) for n in range(20))
        )
    assert results == [{"got": {"n": n}} for n in range(20)]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        ({"code": 1, "message": "gone", "data": {"http_status": 404}}, 404, "gone"),
        ({"code": 1, "message": "gone"}, 500, "gone"),
        ({"code": 1, "message": "odd", "data": {"http_status": 200}}, 500, "odd"),
        ({"code": 1, "message": "odd", "data": {"http_status": "x"}}, 500, "odd"),
        ({"code": "x", "message": 7, "data": []}, 500, "gave no reason"),
        ("nonsense", 500, "gave no reason"),
        (None, 500, "gave no reason"),
    ],
)
async def test_call_when_engine_errs_then_raises_with_http_status(
    engine: FakeEngine,
    engine_link: EngineLink,
    owner: Owner,
    monkeypatch: pytest.MonkeyPatch,
    error: Any,
    status: int,
    text: str,
) -> None:
    monkeypatch.setattr(Failure, "as_error", lambda _: error)
    engine.answers["camera.snapshot"] = Failure("")
    async with engine:
        await owner.wait_for_state("up")
        with pytest.raises(EngineError, match=text) as caught:
            await engine_link.call("camera.snapshot", {})
    assert caught.value.http_status == status


async def test_call_when_engine_is_silent_then_times_out_and_nothing_remains(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    engine.answers["engine.status"] = Silence()
    engine.answers["timelapse.status"] = {}
    async with engine:
        await owner.wait_for_state("up")
        with pytest.raises(EngineTimeout, match=r"engine\.status within 0\.05 s") as it:
            await engine_link.call("engine.status", {}, 0.05)
        assert it.value.http_status == 504
        assert await engine_link.call("timelapse.status", {}) == {}


async def test_call_when_too_many_wait_then_is_refused_at_once(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    engine.answers["engine.status"] = Silence()
    async with engine:
        await owner.wait_for_state("up")
        waiting = [
            engine_link.request("engine.status", {}, 30)
            for _ in range(connection.MAX_PENDING)
        ]
        with pytest.raises(EngineBusy):
            engine_link.request("engine.status", {}, 30)
        engine.disconnect()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, EngineAbsent) for outcome in outcomes)


async def test_link_when_peer_does_not_read_then_is_disconnected(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    def flood() -> None:
        for _ in range(1000):
            engine_link.notify("job.event", {"text": "x" * 100_000})

    engine.deaf_after = "engine.identify"
    async with engine:
        await owner.wait_for_state("up")
        with pytest.raises(EngineAbsent, match="does not read"):
            flood()
        await owner.wait_for_state("does not read")
        await owner.wait_for_state("up", 2)


@pytest.mark.parametrize(
    "params",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": {1, 2}},
        {"x": b"bytes"},
        {"x": "y" * connection.MAX_REQUEST_BYTES},
    ],
    ids=["nan", "inf", "set", "bytes", "too long"],
)
async def test_request_when_unfit_then_raises_and_link_lives(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner, params: dict[str, Any]
) -> None:
    engine.answers["timelapse.start"] = {"job": {}}
    async with engine:
        await owner.wait_for_state("up")
        with pytest.raises(UnfitRequest):
            engine_link.request("timelapse.start", params)
        assert await engine_link.call("timelapse.start", {}) == {"job": {}}


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b"[" * 200_000,
        b'{"jsonrpc":"2.0"}',
        b'{"id":null,"error":{"code":-32700,"message":"?"}}',
        b'{"id":"1","result":{}}',
        b'{"id":99999,"result":{}}',
        b'{"id":[],"result":{}}',
        b'{"method":7,"params":{}}',
        b'{"method":"camera.event","params":[]}',
        b'{"method":"camera.event","id":5,"params":{}}',
        b'{"id":' + b"9" * 5000 + b"}",
    ],
    ids=lambda line: repr(line[:30]),
)
async def test_link_when_engine_sends_nonsense_then_lives_on(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner, line: bytes
) -> None:
    engine.answers["engine.status"] = {"fine": True}
    async with engine:
        await owner.wait_for_state("up")
        engine.send_raw(line + b"\n")
        assert await engine_link.call("engine.status", {}) == {"fine": True}
        assert engine.accepted == 1
    assert owner.notifications == []


async def test_link_when_nonsense_repeats_then_is_logged_once(
    engine: FakeEngine,
    engine_link: EngineLink,
    owner: Owner,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with engine:
        await owner.wait_for_state("up")
        engine.send_raw(b"nonsense\n" * 50)
        engine.notify("camera.event", {"n": 1})
        await owner.wait_for_notifications(1)
    told = [r for r in caplog.records if "not JSON" in r.getMessage()]
    assert len([r for r in told if r.levelno >= logging.INFO]) == 1


async def test_link_when_line_is_oversized_then_reconnects(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    async with engine:
        await owner.wait_for_state("up")
        engine.send_raw(b"x" * (connection.MAX_REPLY_BYTES + 2))
        assert "8 MiB" in await owner.wait_for_state("down The camera engine was lost")
        await owner.wait_for_state("up", 2)


async def test_call_when_reply_is_nearly_the_limit_then_it_arrives(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    data = "x" * (connection.MAX_REPLY_BYTES - 100)
    engine.answers["camera.snapshot"] = {"data": data}
    async with engine:
        await owner.wait_for_state("up")
        result = await engine_link.call("camera.snapshot", {})
    assert len(result["data"]) == len(data)


@pytest.mark.parametrize("answer", [{}, [], None, "engine", {"instance": 5}])
async def test_link_when_identity_is_malformed_then_stays_down(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner, answer: Any
) -> None:
    engine.answers["engine.identify"] = answer
    async with engine:
        await owner.wait_for_state("did not identify itself")
        assert not engine_link.is_up


async def test_link_when_engine_never_identifies_then_retries(
    engine: FakeEngine,
    engine_link: EngineLink,
    owner: Owner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "CALL_TIMEOUT_S", 0.05)
    engine.answers["engine.identify"] = Silence()
    async with engine:
        await engine.wait_for_call("engine.identify", 2)
        assert "did not answer engine.identify" in await owner.wait_for_state("within")
        await engine.wait_until(lambda: engine.connections <= 1)


async def test_notifications_when_sent_then_arrive_in_order(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    async with engine:
        await owner.wait_for_state("up")
        for n in range(500):
            engine.notify("camera.event", {"n": n})
        await owner.wait_for_notifications(500)
    assert [params["n"] for _, params in owner.notifications] == list(range(500))


async def test_link_when_owner_raises_then_goes_on(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    owner.defect = RuntimeError("a defect")
    async with engine:
        await owner.wait_for_state("up")
        engine.notify("camera.event", {})
        await owner.wait_for_state("internal error")
        await owner.wait_for_state("up", 2)


async def test_aclose_when_calls_wait_then_they_fail_and_socket_is_released(
    engine: FakeEngine, engine_link: EngineLink, owner: Owner
) -> None:
    engine.answers["connect.upload"] = Silence()
    async with engine:
        await owner.wait_for_state("up")
        waiting = engine_link.request("connect.upload", {}, 45)
        await engine_link.aclose()
        await engine_link.aclose()
        with pytest.raises(LinkError):
            await waiting
        await engine.wait_until(lambda: engine.connections == 0)
        with pytest.raises(EngineAbsent, match="closed"):
            engine_link.request("engine.status", {})


async def test_link_when_path_is_too_long_then_says_so(
    owner: Owner, tmp_path: Path
) -> None:
    it = EngineLink(tmp_path / ("x" * 120), "v", owner)
    it.start()
    try:
        assert "too long" in await owner.wait_for_state("down")
    finally:
        await it.aclose()
