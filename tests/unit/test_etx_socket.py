# Tests of the client of an ETX-framed socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""However the octets come, or do not, a named error is the worst that it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam import etx_socket
from moonraker_prusacam.errors import KlippyDataError, KlippyError, KlippyUnavailable
from moonraker_prusacam.etx_socket import ETX, EtxSocket, Peer
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WAIT_S = 10.0


class Client(EtxSocket):
    """Keeps what is told; bears as many silences as a test wants."""

    peer = Peer(
        unavailable=KlippyUnavailable,
        unfit=KlippyDataError,
        absent="nobody at {path}: {reason}",
        closed="closed by it",
        lost="lost: {reason}",
        unanswered="{method} not answered in {seconds} s",
        ended="closed by us",
        too_long="more than {bytes}, or {mebibytes}",
        garbled="{what}: {start}",
    )
    max_message_bytes = 1 << 20
    envelope = {"v": 1}  # noqa: RUF012  read only

    def __init__(self, wire: etx_socket.Wire) -> None:
        super().__init__(wire)
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.silences = 0
        self.borne = 0

    @classmethod
    async def connect(cls, path: Path) -> Client:
        return cls(await cls._open(path))

    @property
    def waiting(self) -> int:
        return len(self._replies)

    async def ask(self, method: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        return await self._ask(method, {"a": 1}, timeout_s)

    async def next_told(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.told.get(), WAIT_S)

    def _take(self, message: dict[str, Any]) -> None:
        self._settle(message)
        self.told.put_nowait(message)

    def _bear_silence(self, silence_s: float) -> None:
        self.silences += 1
        if self.silences > self.borne:
            raise KlippyUnavailable(f"silent for {silence_s:g} s")


class Bench:
    """A client that reads, and the other end, whose every octet a test writes."""

    def __init__(self, client: Client, end: asyncio.Task[KlippyError]) -> None:
        self.client = client
        self.end = end
        self.tasks = TaskOwner("test")
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    def tell(self, message: object) -> None:
        self.writer.write(json.dumps(message).encode() + ETX)

    async def heard(self) -> dict[str, Any]:
        data = await asyncio.wait_for(self.reader.readuntil(ETX), WAIT_S)
        return dict(json.loads(data[:-1]))

    async def ended(self) -> KlippyError:
        return await asyncio.wait_for(self.end, WAIT_S)


@contextlib.asynccontextmanager
async def bench(
    path: Path, silence_s: float = WAIT_S, borne: int = 0
) -> AsyncIterator[Bench]:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    accepted = asyncio.Queue()

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_unix_server(accept, path)
    client = await Client.connect(path)
    client.borne = borne

    async def run() -> KlippyError:
        with pytest.raises(KlippyError) as end:
            await client.run(silence_s)
        return end.value

    tasks = TaskOwner("test")
    it = Bench(client, tasks.start("run", run()))
    it.reader, it.writer = await asyncio.wait_for(accepted.get(), WAIT_S)
    try:
        yield it
    finally:
        await it.tasks.aclose()
        await client.aclose()
        await tasks.aclose()
        it.writer.transport.abort()
        server.close()
        await server.wait_closed()


async def test_request_when_answered_then_gives_the_whole_reply(tmp_path: Path) -> None:
    async with bench(tmp_path / "sock") as it:
        first = it.tasks.start("first", it.client.ask("one"))
        second = it.tasks.start("second", it.client.ask("two"))
        asked = [await it.heard(), await it.heard()]
        assert asked == [
            {"v": 1, "id": 1, "method": "one", "params": {"a": 1}},
            {"v": 1, "id": 2, "method": "two", "params": {"a": 1}},
        ]
        it.tell({"id": 2, "result": "b"})  # in any order
        it.tell({"id": 1, "error": "a"})
        assert await first == {"id": 1, "error": "a"}
        assert await second == {"id": 2, "result": "b"}


MESSAGES: list[dict[str, Any]] = [{"text": "ä€ \x7f"}, {"n": [1, {"b": None}]}]
OCTETS = b"".join(
    json.dumps(message, ensure_ascii=False).encode() + ETX for message in MESSAGES
)
SPLITS = [
    *((OCTETS[:place], OCTETS[place:]) for place in range(1, len(OCTETS))),
    tuple(OCTETS[place : place + 1] for place in range(len(OCTETS))),
]


async def test_messages_when_split_at_any_octet_then_are_read(tmp_path: Path) -> None:
    async with bench(tmp_path / "sock") as it:
        # What a socket gives in one read cannot be told from outside; this can.
        fed = asyncio.StreamReader()
        client = Client((fed, it.client._writer))
        it.tasks.start("read", client.run(WAIT_S))
        for pieces in SPLITS:
            for piece in pieces:
                fed.feed_data(piece)
                await asyncio.sleep(0)  # it reads the piece by itself
            assert [await client.next_told() for _ in MESSAGES] == MESSAGES
        assert client.told.empty()


@pytest.mark.parametrize(
    "piece", [b"", b"{", b'{"id": 1, "result": 2}'], ids=lambda piece: ascii(piece)
)
async def test_run_when_it_ends_in_a_message_then_all_fails(
    tmp_path: Path, piece: bytes
) -> None:
    async with bench(tmp_path / "sock") as it:
        reply = it.tasks.start("ask", it.client.ask("one"))
        await it.heard()
        it.writer.write(piece)
        it.writer.close()
        end = await it.ended()
        assert (type(end), str(end)) == (KlippyUnavailable, "closed by it")
        with pytest.raises(KlippyUnavailable, match="closed by it"):
            await reply
        with pytest.raises(KlippyUnavailable, match="closed by it") as later:
            await it.client.ask("two")
        assert later.value is end
        assert it.client.told.empty()
        await it.client.aclose()  # what ended it first is what is told
        with pytest.raises(KlippyUnavailable, match="closed by it"):
            await it.client.ask("three")


@pytest.mark.parametrize("end", [b"", ETX], ids=["without end", "with its end"])
async def test_run_when_a_message_is_too_long_then_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    monkeypatch.setattr(Client, "max_message_bytes", 1 << 10)
    async with bench(tmp_path / "sock") as it:
        it.tell({"text": "x" * 900})
        assert await it.client.next_told()
        it.writer.write(b'"' + b"x" * (1 << 13) + b'"' + end)
        error = await it.ended()
        assert (type(error), str(error)) == (KlippyDataError, "more than 1024, or 0")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no message"),
        (b"\xff\xfe", "no message"),
        (b'{"id": 1', "no message"),
        (b'{"id": 1}{"id": 2}', "no message"),
        (b"[" * 100_000, "no message"),
        (b"1" * 100_000, "no message"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
    ],
    ids=lambda value: ascii(value[:12]),
)
async def test_run_when_it_is_garbled_then_ends_and_shows_little(
    tmp_path: Path, data: bytes, what: str
) -> None:
    async with bench(tmp_path / "sock") as it:
        reply = it.tasks.start("ask", it.client.ask("one"))
        await it.heard()
        it.writer.write(data + ETX)
        error = await it.ended()
        assert type(error) is KlippyDataError
        assert str(error) == f"{what}: {(data + ETX)[: etx_socket.SHOWN_BYTES]!r}"
        with pytest.raises(KlippyDataError):
            await reply


async def test_run_when_silent_then_its_heir_decides(tmp_path: Path) -> None:
    async with bench(tmp_path / "sock", silence_s=0.02, borne=2) as it:
        error = await it.ended()
        assert str(error) == "silent for 0.02 s"
        assert it.client.silences == 3


async def test_request_when_answered_late_then_only_it_fails(tmp_path: Path) -> None:
    async with bench(tmp_path / "sock") as it:
        with pytest.raises(KlippyUnavailable, match=r"one not answered in 0\.02 s"):
            await it.client.ask("one", timeout_s=0.02)
        late = await it.heard()
        it.tell({"id": late["id"], "result": "late"})
        assert await it.client.next_told() == {"id": late["id"], "result": "late"}
        reply = it.tasks.start("ask", it.client.ask("two"))
        asked = await it.heard()
        assert asked["id"] != late["id"]
        it.tell({"id": asked["id"], "result": "in time"})
        assert (await reply)["result"] == "in time"
        assert it.client.waiting == 0


async def test_request_when_cancelled_then_others_go_on(tmp_path: Path) -> None:
    async with bench(tmp_path / "sock") as it:
        cancelled = it.tasks.start("cancelled", it.client.ask("one"))
        other = it.tasks.start("other", it.client.ask("two"))
        first, second = await it.heard(), await it.heard()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert it.client.waiting == 1
        it.tell({"id": first["id"], "result": 1})
        it.tell({"id": second["id"], "result": 2})
        assert (await other)["result"] == 2
        assert not it.end.done()


@pytest.mark.parametrize("identity", [None, "1", 1.5, [1], {}, 99, -1, 10**30])
async def test_reply_when_for_nobody_then_does_no_harm(
    tmp_path: Path, identity: object
) -> None:
    async with bench(tmp_path / "sock") as it:
        reply = it.tasks.start("ask", it.client.ask("one"))
        await it.heard()
        it.tell({"id": identity, "result": "wrong"})
        it.tell({"id": 1, "result": "right"})
        it.tell({"id": 1, "result": "again"})
        assert (await reply)["result"] == "right"
        assert not it.end.done()


async def test_request_when_nobody_reads_then_times_out(tmp_path: Path) -> None:
    async with bench(tmp_path / "sock") as it:
        with pytest.raises(KlippyUnavailable, match="not answered"):
            await it.client.ask("x" * (1 << 23), timeout_s=0.05)


async def test_aclose_when_called_twice_then_all_waiting_end_once(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path / "sock") as it:
        reply = it.tasks.start("ask", it.client.ask("one"))
        await it.heard()
        await asyncio.gather(it.client.aclose(), it.client.aclose())
        await it.client.aclose()
        for asked in (reply, it.client.ask("two")):
            with pytest.raises(KlippyUnavailable, match="closed by us"):
                await asked
        assert type(await it.ended()) is KlippyUnavailable


async def test_connect_when_nobody_listens_then_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with pytest.raises(KlippyUnavailable) as error:
        await Client.connect(path)
    assert str(error.value) == f"nobody at {path}: No such file or directory"
