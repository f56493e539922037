# Tests of a connection of the control socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in both directions, their order, and peers that behave badly."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.control import ControlServer, Peer, connect, peer, protocol
from moonraker_prusacam.errors import (
    ClosedError,
    ControlError,
    EngineUnavailable,
    FrameUnavailable,
    RpcError,
)
from tests.support.control import Notes, RawPeer, line, raw_peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WAIT_S = 10.0
QUICK_S = 1.0


class Methods:
    """Handlers that do what tests need, and what they saw."""

    def __init__(self) -> None:
        self.seen = Notes()
        self.gate = asyncio.Event()
        self.table = {
            "echo": self.echo,
            "note": self.note,
            "wait": self.wait,
            "big": self.big,
            "our error": self.our_error,
            "unknown error": self.unknown_error,
            "unfit result": self.unfit_result,
        }

    async def echo(self, params: dict[str, Any]) -> dict[str, Any]:
        return params

    async def note(self, params: dict[str, Any]) -> None:
        self.seen.note(params["n"])

    async def wait(self, _: dict[str, Any]) -> str:
        self.seen.note("begun")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.seen.note("cancelled")
            raise
        return "done"

    async def big(self, _: dict[str, Any]) -> str:
        self.seen.note("big")
        return "x" * (7 << 20)

    async def our_error(self, _: dict[str, Any]) -> None:
        raise FrameUnavailable("camera 'front': gone")

    async def unknown_error(self, _: dict[str, Any]) -> None:
        raise ZeroDivisionError("/home/pi/secret/path token=hunter2")

    async def unfit_result(self, _: dict[str, Any]) -> object:
        return {"unfit": object()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prusacam.sock"


@pytest.fixture
async def methods() -> Methods:
    return Methods()


@pytest.fixture
async def server(path: Path, methods: Methods) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, methods.table)
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def raw(server: ControlServer, path: Path) -> AsyncIterator[RawPeer]:
    async with raw_peer(path) as opened:
        yield opened


@pytest.fixture
async def client(server: ControlServer, path: Path) -> AsyncIterator[Peer]:
    async with connect(path) as opened:
        yield opened


async def is_alive(raw: RawPeer) -> bool:
    reply = await raw.ask(id="alive", method="echo", params={"x": 1})
    return reply == {"jsonrpc": "2.0", "id": "alive", "result": {"x": 1}}


async def test_request_when_good_then_answered(client: Peer) -> None:
    assert await client.call("echo", {"a": [1, None, "Düse 🖨"]}) == {
        "a": [1, None, "Düse 🖨"]
    }
    assert await client.call("echo") == {}


async def test_requests_when_side_by_side_then_each_gets_its_own_answer(
    client: Peer,
) -> None:
    answers = await asyncio.gather(*(client.call("echo", {"n": n}) for n in range(20)))
    assert [answer["n"] for answer in answers] == list(range(20))


async def test_request_when_slow_then_others_overtake_it(
    client: Peer, methods: Methods
) -> None:
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(client.call("wait"))
        await methods.seen.until_count("begun", 1)
        assert await client.call("echo", {"n": 1}) == {"n": 1}
        methods.gate.set()
    assert slow.result() == "done"


async def test_server_when_it_notifies_then_every_client_hears_in_order(
    server: ControlServer, path: Path
) -> None:
    heard = Notes(), Notes()

    async def first(params: dict[str, Any]) -> None:
        heard[0].note(params["n"])

    async def second(params: dict[str, Any]) -> None:
        heard[1].note(params["n"])

    async with (
        connect(path, {"camera.event": first}) as a,
        connect(path, {"camera.event": second}) as b,
    ):
        await asyncio.gather(a.call("echo"), b.call("echo"))
        for n in range(100):
            server.broadcast("camera.event", {"n": n})
        for notes in heard:
            await notes.until_count(99, 1)
            assert notes == list(range(100))


async def test_engine_when_it_calls_the_other_end_then_answered(path: Path) -> None:
    answers: list[Any] = []
    done = asyncio.Event()

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        engine = Peer(reader, writer, {})
        async with asyncio.TaskGroup() as group:
            group.create_task(engine.run())
            answers.append(await engine.call("client.echo", {"n": 7}))
            done.set()

    listener = await asyncio.start_unix_server(accept, str(path))
    async with listener, connect(path, {"client.echo": Methods().echo}):
        async with asyncio.timeout(WAIT_S):
            await done.wait()
        listener.close()
    assert answers == [{"n": 7}]


async def test_order_when_requests_and_notifications_mix_then_kept(
    raw: RawPeer, methods: Methods
) -> None:
    sent = [
        line(method="note", params={"n": n}, **({"id": n} if n % 3 else {}))
        for n in range(30)
    ]
    await raw.send(b"".join(sent))
    assert await is_alive_after(raw, answers=20)
    assert methods.seen == list(range(30))


async def is_alive_after(raw: RawPeer, *, answers: int) -> bool:
    for _ in range(answers):
        await raw.receive()
    return await is_alive(raw)


BAD_LINES = {
    "words": (b"hello\n", -32700),
    "half": (b'{"jsonrpc":"2.0",\n', -32700),
    "binary": (bytes(byte for byte in range(256) if byte != 10) + b"\n", -32700),
    "NUL bytes": (b"\0\0\0\n", -32700),
    "deep": (b"[" * 100_000 + b"\n", -32700),
    "batch": (b'[{"jsonrpc":"2.0","id":1,"method":"echo"}]\n', -32600),
    "wrong version": (b'{"jsonrpc":"1.0","id":1,"method":"echo"}\n', -32600),
    "odd id": (b'{"jsonrpc":"2.0","id":[1],"method":"echo"}\n', -32600),
    "params of a list": (line(id=1, method="echo", params=[1]), -32600),
    "huge": (b"x" * (3 << 20) + b"\n", -32600),
    "a byte too long": (b"x" * ((1 << 20) + 1) + b"\n", -32600),
    "huge request": (line(id=1, method="echo", params={"x": "y" * (1 << 20)}), -32600),
}


@pytest.mark.parametrize(("bad", "code"), BAD_LINES.values(), ids=BAD_LINES)
async def test_line_when_bad_then_refused_and_the_connection_lives_on(
    raw: RawPeer, bad: bytes, code: int
) -> None:
    await raw.send(bad)
    refusal = await raw.receive()
    assert refusal["id"] is None
    assert refusal["error"]["code"] == code
    assert 400 <= refusal["error"]["data"]["http_status"] < 500
    assert await is_alive(raw)


async def test_line_when_huge_and_followed_at_once_then_only_it_is_refused(
    raw: RawPeer,
) -> None:
    good = line(id=2, method="echo", params={"n": 2})
    await raw.send(b"x" * (5 << 20) + b"\n" + good)
    assert (await raw.receive())["error"]["data"]["http_status"] == 413
    assert (await raw.receive())["result"] == {"n": 2}


async def test_line_when_of_the_full_size_then_served(raw: RawPeer) -> None:
    rest = len(line(id=1, method="echo", params={"x": ""}))
    text = "y" * (protocol.MAX_REQUEST_BYTES - rest)
    reply = await raw.ask(method="echo", params={"x": text})
    assert reply["result"] == {"x": text}


async def test_lines_when_empty_then_ignored(raw: RawPeer) -> None:
    await raw.send(b"\n\r\n  \n\t\n")
    assert await is_alive(raw)


async def test_line_when_sent_byte_by_byte_then_served(raw: RawPeer) -> None:
    for byte in line(id=1, method="echo", params={"x": 1}):
        await raw.send(bytes([byte]))
    assert (await raw.receive())["result"] == {"x": 1}


async def test_reply_when_nobody_asked_then_ignored(raw: RawPeer) -> None:
    await raw.send(line(id=77, result=1) + line(id=None, error={"code": 1}))
    await raw.send(line(id="x", error="odd") + line(result=1))
    assert await is_alive(raw)


async def test_flood_when_of_short_bad_lines_then_others_are_served_meanwhile(
    raw: RawPeer, path: Path
) -> None:
    raw.writer.write(b"x\n" * 20_000)
    async with connect(path) as other:
        started = time.monotonic()
        assert await other.call("echo", {"n": 1}) == {"n": 1}
        assert time.monotonic() - started < QUICK_S


@pytest.mark.parametrize("identity", [0, -1, 2**70, "", "x" * 1000, "\ud800", "1"])
async def test_id_when_odd_but_legal_then_given_back(
    raw: RawPeer, identity: int | str
) -> None:
    assert (await raw.ask(id=identity, method="echo"))["id"] == identity


async def test_method_when_unknown_then_404_with_its_name_cut(raw: RawPeer) -> None:
    for method in ("nope", "__class__", "", "x" * 100_000):
        error = (await raw.ask(method=method))["error"]
        assert error["code"] == -32601
        assert error["data"]["http_status"] == 404
        assert error["message"] == f"there is no method '{method[:80]}'"


async def test_notification_when_failing_then_no_answer_but_a_short_log(
    raw: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("our error", "unknown error", "unfit result"):
        await raw.send(line(method=method))
    assert await is_alive(raw)
    assert len(caplog.messages) == 5  # the two bugs with a traceback, and as refused
    assert max(map(len, caplog.messages)) < 300


async def test_notification_when_nobody_cares_for_it_then_silence(
    raw: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    await raw.send(line(method="camera.event", params={"x": 1}) * 100)
    assert await is_alive(raw)
    assert caplog.messages == []


async def test_handler_when_it_raises_our_error_then_message_and_status(
    client: Peer,
) -> None:
    with pytest.raises(RpcError, match=r"^camera 'front': gone$") as caught:
        await client.call("our error")
    assert (caught.value.code, caught.value.http_status) == (-32001, 503)


@pytest.mark.parametrize("method", ["unknown error", "unfit result"])
async def test_handler_when_it_has_a_bug_then_nothing_of_it_leaks(
    raw: RawPeer, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await raw.ask(method=method)
    assert reply["error"] == {
        "code": -32603,
        "message": "internal error; see the log",
        "data": {"http_status": 500},
    }
    assert "Traceback" in caplog.text
    assert await is_alive(raw)


async def test_requests_when_33_at_once_then_the_last_is_told_busy(
    raw: RawPeer, methods: Methods
) -> None:
    await raw.send(b"".join(line(id=n, method="wait") for n in range(33)))
    busy = await raw.receive()
    assert busy["id"] == 32
    assert busy["error"]["code"] == protocol.BUSY
    assert busy["error"]["data"]["http_status"] == 503
    methods.gate.set()
    answers = [await raw.receive() for _ in range(32)]
    assert sorted(answer["id"] for answer in answers) == list(range(32))
    assert await is_alive(raw)


async def test_peer_when_it_vanishes_then_its_requests_are_cancelled(
    server: ControlServer, path: Path, methods: Methods
) -> None:
    async with raw_peer(path) as raw:
        await raw.send(line(id=1, method="wait") * 3)
        await methods.seen.until_count("begun", 3)
    await methods.seen.until_count("cancelled", 3)


async def test_peer_when_it_leaves_in_the_middle_of_a_line_then_others_live_on(
    server: ControlServer, path: Path, client: Peer
) -> None:
    for junk in (b'{"jsonrpc"', b"x" * (2 << 20), b"\xff"):
        async with raw_peer(path) as raw:
            raw.writer.write(junk)
            raw.writer.write_eof()
            await raw.wait_closed()
    assert await client.call("echo") == {}


async def test_peer_when_it_never_reads_then_disconnected_with_bounded_memory(
    server: ControlServer,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(peer, "MAX_UNSENT_BYTES", 1 << 20)
    async with connect(path) as other, raw_peer(path) as deaf:
        await deaf.ask(method="echo")
        deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]
        (sender,) = [known for known in server._peers if known is not other][:1]
        for _ in range(10_000):
            server.broadcast("camera.event", {"text": "x" * 1000})
            if "does not read" in caplog.text:
                break
            await asyncio.sleep(0)
        assert sender._writer.transport.get_write_buffer_size() < 3 << 20
        assert "does not read" in caplog.text
        assert await other.call("echo", {"n": 1}) == {"n": 1}


async def test_call_when_not_answered_in_time_then_timeout_and_forgotten(
    client: Peer, methods: Methods
) -> None:
    with pytest.raises(TimeoutError):
        await client.call("wait", timeout_s=0.01)
    assert client._pending == {}
    methods.gate.set()
    assert await client.call("echo", {"n": 1}) == {"n": 1}


async def test_call_when_the_engine_goes_then_told_at_once(
    server: ControlServer, path: Path, methods: Methods
) -> None:
    async with connect(path) as client:
        pending = asyncio.gather(
            *(client.call("wait") for _ in range(5)), return_exceptions=True
        )
        await methods.seen.until_count("begun", 5)
        async with asyncio.timeout(QUICK_S):
            await server.aclose()
            answers = await pending
        assert all(isinstance(answer, EngineUnavailable) for answer in answers)
        with pytest.raises((ClosedError, ControlError)):
            await client.call("echo")
        client.notify("note", {"n": 1})  # says nothing, harms nothing


async def test_aclose_when_everything_is_in_flight_then_quick_and_idempotent(
    server: ControlServer, path: Path, methods: Methods
) -> None:
    async with raw_peer(path) as busy, raw_peer(path) as deaf, raw_peer(path) as half:
        await busy.send(b"".join(line(id=n, method="wait") for n in range(32)))
        deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await deaf.send(line(id=1, method="big"))
        await half.send(b'{"jsonrpc":')
        await methods.seen.until_count("begun", 32)
        await methods.seen.until_count("big", 1)
        async with asyncio.timeout(QUICK_S):
            await asyncio.gather(server.aclose(), server.aclose())
            await server.aclose()
        assert methods.seen.count("cancelled") == 32
        await busy.wait_closed()
        await half.wait_closed()


async def test_client_when_the_engine_sends_junk_then_it_lives_on(path: Path) -> None:
    heard, answers = Notes(), Notes()

    async def hear(params: dict[str, Any]) -> None:
        heard.note(params)

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"junk\n\0\n[]\n" + b"x" * (9 << 20) + b"\n")
        writer.write(line(id=1, result=5) + line(method="engine.event"))
        while answer := await reader.readline():
            answers.note(answer)
        writer.transport.abort()

    async with await asyncio.start_unix_server(accept, str(path)) as listener:
        async with connect(path, {"engine.event": hear}):
            await heard.until(lambda: len(heard) == 1)
            await answers.until(lambda: len(answers) == 4)
        listener.close()
    assert all(b'"error"' in answer for answer in answers)


async def test_debug_log_when_requests_pass_then_no_parameters_in_it(
    client: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await client.call("echo", {"token": "hunter2"})
    assert "hunter2" not in caplog.text
