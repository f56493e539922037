# Tests of the client of Klipper's API socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever comes through the socket, a named error is the worst that it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.errors import (
    KlippyDataError,
    KlippyError,
    KlippyRefused,
    KlippyUnavailable,
)
from moonraker_prusacam.motion.klippy import KlippyClient
from moonraker_prusacam.tasks import TaskOwner
from tests.support.fake_klippy import MOVES, STATUS, WAIT_S, FakeKlippy
from tests.support.klippy_client import running_printer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@contextlib.asynccontextmanager
async def connected(
    path: Path, silence_timeout_s: float = WAIT_S
) -> AsyncIterator[tuple[KlippyClient, asyncio.Task[KlippyError]]]:
    """A client that reads, and the task that ends with what ended the reading."""
    client = await KlippyClient.connect(path)
    tasks = TaskOwner("test")

    async def run() -> KlippyError:
        with pytest.raises(KlippyError) as end:
            await client.run(silence_timeout_s)
        return end.value

    try:
        yield client, tasks.start("run", run())
    finally:
        await client.aclose()
        await tasks.aclose()


async def test_request_when_answered_then_gives_the_result(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (_printer, _other):  # noqa: SIM117
        async with connected(tmp_path / "klippy.sock") as (client, _end):
            replies = await asyncio.gather(
                client.request("info"),
                client.request("objects/query", {"objects": {"toolhead": None}}),
                client.request("objects/list"),
            )
    info, toolhead, objects = replies
    assert info["state"] == "ready"
    assert "estimated_print_time" in toolhead["status"]["toolhead"]
    assert "motion_report" in objects["objects"]


async def test_request_when_refused_then_says_why(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (_printer, _other):  # noqa: SIM117
        async with connected(tmp_path / "klippy.sock") as (client, _end):
            with pytest.raises(KlippyRefused, match="not valid for name"):
                await client.request(MOVES, {"name": "tail"})
            assert (await client.request("info"))["state"] == "ready"


@pytest.mark.parametrize("method", ["gcode/script", "emergency_stop", "", "info "])
async def test_request_when_it_would_act_then_is_never_sent(
    tmp_path: Path, method: str
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with connected(fake.path) as (client, _end):
            with pytest.raises(KlippyRefused):
                await client.request(method)
            await client.request("info")
            assert [request["method"] for request in fake.requests] == ["info"]


async def test_request_when_unanswered_then_times_out_and_others_go_on(
    tmp_path: Path,
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.unanswered.add("objects/list")
        async with connected(fake.path) as (client, _end):
            with pytest.raises(KlippyUnavailable, match=r"within 0\.05 s"):
                await client.request("objects/list", timeout_s=0.05)
            # The late answer finds nobody, and does no harm.
            fake.send(b'{"id": 1, "result": {"objects": []}}\x03')
            assert await client.request("info") == {"state": "ready"}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"error": "WebRequestError", "message": "no such thing"}, "no such thing"),
        ({"message": 7}, "no reason"),
        ("text", "no reason"),
        (None, "no reason"),
    ],
)
async def test_request_when_error_has_any_shape_then_is_refused(
    tmp_path: Path, error: object, text: str
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.unanswered.add("info")
        async with connected(fake.path) as (client, _end):
            tasks = TaskOwner("test")
            reply = tasks.start("request", client.request("info"))
            await fake.wait_asked("info")
            fake.send(json.dumps({"id": 1, "error": error}).encode() + b"\x03")
            with pytest.raises(KlippyRefused, match=text):
                await reply
            await tasks.aclose()


NONSENSE = [
    b"\x03",
    b"garbage\x03",
    b'{"id": 1\x03',
    b"\xff\xfe\x00\x03",
    b"[1, 2]\x03",
    b'"text"\x03',
    b"null\x03",
    b"7\x03",
    b"[" * 100_000 + b"\x03",
    b'{"a":' * 100_000 + b"\x03",
    b"1" * 100_000 + b"\x03",
]


@pytest.mark.parametrize("data", NONSENSE, ids=lambda data: repr(data[:12]))
async def test_run_when_bytes_are_no_message_then_ends_with_a_data_error(
    tmp_path: Path, data: bytes
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with connected(fake.path) as (client, end):
            await client.request("info")
            fake.send(data)
            assert isinstance(await asyncio.wait_for(end, WAIT_S), KlippyDataError)
            with pytest.raises(KlippyDataError):
                await client.request("info")


IRRELEVANT = [
    {},
    {"id": 99, "result": {}},
    {"id": "1", "result": {}},
    {"id": [1], "result": {}},
    {"id": {}, "result": {}},
    {"id": 1.5},
    {"method": "unknown", "params": {}},
    {"method": ["unhashable"], "params": {}},
    {"method": f"{STATUS}#1", "params": [1]},
    {"method": f"{STATUS}#1"},
]


@pytest.mark.parametrize("message", IRRELEVANT, ids=json.dumps)
async def test_run_when_message_is_for_nobody_then_goes_on(
    tmp_path: Path, message: dict[str, Any]
) -> None:
    told: list[object] = []
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with connected(fake.path) as (client, _end):
            await client.subscribe(STATUS, {"objects": {}}, told.append)
            fake.send(json.dumps(message).encode() + b"\x03")
            assert await client.request("info") == {"state": "ready"}
    assert told == []


async def test_run_when_message_is_huge_then_ends_with_a_data_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KlippyClient, "max_message_bytes", 1 << 16)
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with connected(fake.path) as (client, end):
            await client.request("info")
            fake.send(b" " * (1 << 18))
            error = await asyncio.wait_for(end, WAIT_S)
            assert isinstance(error, KlippyDataError)
            assert "65536 bytes" in str(error)


async def test_run_when_message_comes_in_pieces_then_is_read(tmp_path: Path) -> None:
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with connected(fake.path) as (client, _end):
            await client.subscribe(MOVES, {"name": "toolhead"}, told.put_nowait)
            name = fake.requests[-1]["params"]["response_template"]["method"]
            message = json.dumps({"method": name, "params": {"data": []}}).encode()
            for piece in (message[:7], message[7:], b"\x03" + message + b"\x03"):
                fake.send(piece)
            async with asyncio.timeout(WAIT_S):
                assert [await told.get(), await told.get()] == [{"data": []}] * 2


async def test_run_when_peer_is_silent_then_ends(tmp_path: Path) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with connected(fake.path, silence_timeout_s=0.05) as (_client, end):
            error = await asyncio.wait_for(end, WAIT_S)
            assert isinstance(error, KlippyUnavailable)
            assert error.retryable


async def test_run_when_connection_breaks_then_requests_fail_with_it(
    tmp_path: Path,
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.unanswered.add("info")
        async with connected(fake.path) as (client, end):
            tasks = TaskOwner("test")
            reply = tasks.start("request", client.request("info"))
            await fake.wait_asked("info")
            fake.drop()
            with pytest.raises(KlippyUnavailable, match="closed"):
                await reply
            assert isinstance(await asyncio.wait_for(end, WAIT_S), KlippyUnavailable)
            with pytest.raises(KlippyUnavailable):
                await client.request("info")
            await tasks.aclose()


async def test_request_when_peer_does_not_read_then_times_out(tmp_path: Path) -> None:
    held: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def never_read(
        _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        held.put_nowait(writer)

    server = await asyncio.start_unix_server(never_read, tmp_path / "sock", limit=1)
    async with connected(tmp_path / "sock") as (client, _end):
        large = {"objects": {"x" * (1 << 22): None}}
        with pytest.raises(KlippyUnavailable, match="did not answer"):
            await client.request("objects/query", large, timeout_s=0.1)
        (await held.get()).transport.abort()
    server.close()
    await server.wait_closed()


async def test_connect_when_nobody_listens_then_unavailable(tmp_path: Path) -> None:
    with pytest.raises(KlippyUnavailable, match="No such file"):
        await KlippyClient.connect(tmp_path / "sock")


async def test_subscribe_when_refused_then_later_messages_find_nobody(
    tmp_path: Path,
) -> None:
    told: list[object] = []
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.refused.add(MOVES)
        async with connected(fake.path) as (client, _end):
            with pytest.raises(KlippyRefused, match="no callback"):
                await client.subscribe(MOVES, {"name": "toolhead"}, told.append)
            fake.tell_moves([])
            await client.request("info")
    assert told == []


async def test_aclose_when_called_twice_then_is_fine(tmp_path: Path) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:
        client = await KlippyClient.connect(fake.path)
        await client.aclose()
        await client.aclose()
        with pytest.raises(KlippyUnavailable):
            await client.request("info")
