# Tests of downloads to the printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file comes whole, to its place, from who was asked; or nothing is left of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import ipaddress
import os
import re
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from moonraker_prusacam.connect.download import ranged
from moonraker_prusacam.connect.printer.klipper import (
    KlipperSettings,
    delivery,
    transfer,
)
from moonraker_prusacam.connect.printer.klipper.hosts import Hosts
from moonraker_prusacam.connect.printer.klipper.order import (
    load_order,
    order_of,
    save_order,
)
from moonraker_prusacam.connect.printer.klipper.transfer import Ears, Transfers
from moonraker_prusacam.connect.printer.messages import Command, Event, EventKind
from moonraker_prusacam.errors import CommandRejected, PrinterError
from tests.support.klipper_host import FINGERPRINT, TOKEN, ScriptedFileServer
from tests.support.names import Names
from tests.support.video_server import Turn, VideoServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from moonraker_prusacam.connect.printer.klipper.paths import Place
    from moonraker_prusacam.connect.printer.messages import Outcome

WAIT_S = 10.0
CHUNK = 4096
GCODE = b"; sliced\n" + b"G1 X10.000 Y20.000 E0.0500\n" * 4000
SHA256 = hashlib.sha256(GCODE).hexdigest()
SHA1 = hashlib.sha1(GCODE, usedforsecurity=False).hexdigest()
PATH = "/gcodes/a.gcode"
ENDS = (
    EventKind.TRANSFER_FINISHED,
    EventKind.TRANSFER_ABORTED,
    EventKind.TRANSFER_STOPPED,
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(transfer, "LAST_RETRY_S", 0.002)
    monkeypatch.setattr(transfer, "TELL_S", 0.0)


class Bench:
    """A gcodes root, and one process after the other that downloads into it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.root = folder / "gcodes"
        self.root.mkdir()
        self.state_path = folder / "state" / "printer"
        self.server = ScriptedFileServer(URL(url))
        self.events: list[Event] = []
        self.progress: list[Event] = []
        self.printed: list[str] = []
        self.print_error: Exception | None = None
        self.root_error: Exception | None = None
        self.changed = asyncio.Event()
        self.options: dict[str, Any] = {"reserve_mb": 1}
        self.transfers = self._opened()

    def _opened(self) -> Transfers:
        settings = KlipperSettings(state_path=self.state_path, **self.options)
        ears = Ears(self._root, self._tell, self.changed.set, self._print)
        return Transfers(self.server, settings, ears)

    async def reopen(self) -> None:
        """End as a process does, and begin anew."""
        await self.transfers.aclose()
        self.transfers = self._opened()

    async def order(self, **kwargs: Any) -> Outcome:
        """Order a file of Prusa Connect's, or the one at ``url``."""
        name = "START_URL_DOWNLOAD" if "url" in kwargs else "START_CONNECT_DOWNLOAD"
        told = {"path": PATH, "team_id": 7, "hash": "abc", **kwargs}
        return await self.transfers.start(Command(id=5, name=name, kwargs=told))

    async def end(self) -> Event:
        """Wait for the end of the transfer."""
        async with asyncio.timeout(WAIT_S):
            while not (ends := [e for e in self.events if e.kind in ENDS]):
                self.changed.clear()
                await self.changed.wait()
        return ends[0]

    async def until(self, octets: int) -> None:
        """Wait until so many octets are there."""
        async with asyncio.timeout(WAIT_S):
            while not (now := self.transfers.current) or now.done_bytes < octets:
                self.changed.clear()
                await self.changed.wait()

    async def got(self, **kwargs: Any) -> Event:
        await self.order(**kwargs)
        return await self.end()

    async def fails(self, **kwargs: Any) -> str:
        """Why a transfer is aborted, which leaves nothing."""
        event = await self.got(**kwargs)
        assert event.kind is EventKind.TRANSFER_ABORTED
        assert self.leftovers() == []
        assert self.transfers.current is None
        assert event.reason is not None
        assert TOKEN not in event.reason
        return event.reason

    def leftovers(self) -> list[str]:
        """Files in the root, and ours."""
        found = [*self.root.rglob("*"), *self.state_path.rglob("*")]
        return sorted(path.name for path in found if path.is_file())

    async def _root(self) -> Path:
        if self.root_error is not None:
            raise self.root_error
        return self.root

    def _tell(self, event: Event) -> None:
        is_progress = event.kind is EventKind.TRANSFER_INFO
        (self.progress if is_progress else self.events).append(event)
        self.changed.set()

    async def _print(self, place: Place) -> None:
        if self.print_error is not None:
            raise self.print_error
        self.printed.append(place.relative)
        self.changed.set()


@pytest.fixture
async def server() -> AsyncIterator[VideoServer]:
    it = VideoServer(GCODE)
    it.kind = "application/octet-stream"
    async with it.run():
        yield it


@pytest.fixture
async def bench(
    tmp_path: Path, server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    monkeypatch.setattr(ranged, "CONNECT_TIMEOUT_S", 2.0)
    it = Bench(tmp_path, server.url)
    yield it
    await it.transfers.aclose()


async def test_file_when_it_comes_then_is_whole_and_all_is_told(
    bench: Bench, server: VideoServer
) -> None:
    outcome = await bench.order(hash="h.a-s_h=", printing=True)
    assert outcome.kind is EventKind.TRANSFER_INFO
    assert outcome.transfer_id
    assert outcome.data == {
        "type": "FROM_CONNECT",
        "start_cmd_id": 5,
        "path": PATH,
        "url": f"{server.url}/p/teams/7/files/h.a-s_h=/raw",
        "transferred": 0,
        "progress": 0.0,
        "time_transferring": 0,
        "to_print": True,
    }
    event = await bench.end()
    assert event == Event(
        kind=EventKind.TRANSFER_FINISHED,
        source=event.source,
        data={"path": PATH, "start_cmd_id": 5},
        transfer_id=outcome.transfer_id,
    )
    assert (bench.root / "a.gcode").read_bytes() == GCODE
    assert bench.leftovers() == ["a.gcode"]
    (seen,) = server.seen
    assert seen.headers["Token"] == TOKEN
    assert seen.headers["Fingerprint"] == FINGERPRINT
    async with asyncio.timeout(WAIT_S):
        while not bench.printed:
            bench.changed.clear()
            await bench.changed.wait()
    assert bench.printed == ["a.gcode"]


async def test_file_when_it_cannot_be_printed_then_it_is_there_and_that_is_told(
    bench: Bench,
) -> None:
    bench.print_error = PrinterError("another print is printing")
    await bench.got(printing=True)
    async with asyncio.timeout(WAIT_S):
        while bench.events[-1].kind is not EventKind.FAILED:
            bench.changed.clear()
            await bench.changed.wait()
    assert "another print is printing" in (bench.events[-1].reason or "")
    assert bench.leftovers() == ["a.gcode"]


@pytest.mark.parametrize("octets", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, len(GCODE) - 1])
async def test_file_when_cut_off_then_goes_on_from_there(
    bench: Bench, server: VideoServer, octets: int
) -> None:
    server.next = [Turn(cut_after=octets)]
    assert (await bench.got(size=len(GCODE))).kind is EventKind.TRANSFER_FINISHED
    assert (bench.root / "a.gcode").read_bytes() == GCODE
    assert [seen.first for seen in server.seen] == [None, octets or None]
    assert server.sent <= len(GCODE) + CHUNK


async def test_file_when_cut_off_at_every_chunk_then_comes_all_the_same(
    bench: Bench, server: VideoServer
) -> None:
    chunks = -(-len(GCODE) // CHUNK)
    server.next = [Turn(cut_after=CHUNK)] * (chunks - 1)
    assert (await bench.got()).kind is EventKind.TRANSFER_FINISHED
    assert (bench.root / "a.gcode").read_bytes() == GCODE
    assert len(server.seen) == chunks
    assert server.sent == len(GCODE)


async def test_file_when_it_changes_meanwhile_then_is_fetched_anew(
    bench: Bench, server: VideoServer
) -> None:
    server.next = [Turn(cut_after=CHUNK)]
    await bench.order()
    await bench.until(CHUNK)
    server.headers["ETag"] = '"second"'
    server.content = other = GCODE[::-1].replace(b"\0", b" ")
    await bench.end()
    assert (bench.root / "a.gcode").read_bytes() == other


@pytest.mark.parametrize("hash_", [SHA256, SHA256.upper(), SHA1, "opaque-hash", "a.b="])
async def test_hash_when_it_fits_or_is_none_then_the_file_is_taken(
    bench: Bench, hash_: str
) -> None:
    assert (await bench.got(hash=hash_)).kind is EventKind.TRANSFER_FINISHED


@pytest.mark.parametrize("hash_", ["0" * 64, "f" * 40])
async def test_hash_when_it_is_another_then_nothing_is_left(
    bench: Bench, hash_: str
) -> None:
    assert "is damaged" in await bench.fails(hash=hash_)


@pytest.mark.parametrize("name", ["Repr-Digest", "Digest"])
async def test_digest_when_the_server_tells_another_then_nothing_is_left(
    bench: Bench, server: VideoServer, name: str
) -> None:
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    server.headers[name] = f"sha-256=:{other}:"
    assert "is damaged" in await bench.fails()
    good = base64.b64encode(hashlib.sha256(GCODE).digest()).decode()
    server.headers[name] = f"md5=x, sha-256={good}"
    bench.events.clear()
    assert (await bench.got()).kind is EventKind.TRANSFER_FINISHED


@pytest.mark.parametrize("size", [1, len(GCODE) - 1, len(GCODE) + 1])
async def test_size_when_another_was_announced_then_nothing_is_left(
    bench: Bench, size: int
) -> None:
    assert "announced" in await bench.fails(size=size)


@pytest.mark.parametrize("size", [len(GCODE) - 1, len(GCODE) + 1])
async def test_size_when_the_server_tells_none_then_it_is_counted(
    bench: Bench, server: VideoServer, size: int
) -> None:
    server.always = Turn(is_chunked=True)
    assert "announced" in await bench.fails(size=size)


FAULTY = [
    (Turn(status=401), "does not give the file to this printer"),
    (Turn(status=403, body=b'{"message": "no"}'), "HTTP 403, no"),
    (Turn(status=404), "does not give the file"),
    (Turn(status=409), "HTTP 409"),
    (Turn(status=413), "HTTP 413"),
    (Turn(status=416), "HTTP 416"),
    (Turn(status=204), "HTTP 204"),
    (Turn(status=429), "busy"),
    (Turn(status=500), "busy"),
    (Turn(status=502, body=b"<html>", kind="text/html"), "busy"),
    (Turn(status=503, headers={"Retry-After": "0"}), "busy"),
    (Turn(status=200, body=b""), "empty"),
    (Turn(status=200, body=b"GCDE\1\0\0\0"), "binary G-code"),
    (Turn(status=200, body=b"\x89PNG\0\0"), "zeros"),
    (Turn(status=200, body=b"<!DOCTYPE html><p>"), "web page"),
    (Turn(headers={"Content-Type": "text/html"}), "text/html"),
    (Turn(headers={"Content-Type": "application/json"}), "application/json"),
    (Turn(headers={"Content-Encoding": "gzip"}), "packed"),
    (Turn(status=302, headers={"Location": None}), "nowhere"),
    (Turn(status=302, headers={"Location": "ftp://a/b"}), "nowhere"),
    (Turn(status=302, headers={"Location": "http://a:b@c/d"}), "nowhere"),
    (Turn(status=307, headers={"Location": "/p/again"}), "in a circle"),
    (Turn(status=302, headers={"Location": "http://127.0.0.2/a"}), "public"),
    (Turn(status=302, headers={"Location": "http://[::1]:7125/a"}), "public"),
    (Turn(cut_after=0), "broke off|closed"),
]


@pytest.mark.parametrize(("turn", "words"), FAULTY, ids=lambda value: str(value)[:60])
async def test_server_when_faulty_then_the_transfer_ends_with_the_reason(
    bench: Bench, server: VideoServer, turn: Turn, words: str
) -> None:
    server.always = turn
    reason = await bench.fails()
    assert any(word in reason for word in words.split("|")), reason


async def test_server_when_it_recovers_then_the_file_comes(
    bench: Bench, server: VideoServer
) -> None:
    server.next = [Turn(status=503)] * 3 + [Turn(cut_after=CHUNK), Turn(status=500)]
    assert (await bench.got()).kind is EventKind.TRANSFER_FINISHED
    assert len(server.seen) == 6


async def test_server_when_silent_then_the_transfer_ends(
    bench: Bench, server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranged, "SILENCE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(transfer, "MAX_RETRIES", 1)
    server.always = Turn(is_silent=True)
    assert "in time" in await bench.fails()


@pytest.mark.parametrize("has_token", [True, False])
async def test_redirect_when_to_another_host_then_the_token_stays_here(
    bench: Bench,
    server: VideoServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_token: bool,
) -> None:
    monkeypatch.setattr(Hosts, "allows", lambda _self, _address: True)
    async with VideoServer(GCODE).run() as other:
        other.kind = "text/x.gcode"
        target = server.url if has_token else other.url
        server.next = [Turn(status=302, headers={"Location": f"{target}/b?c=d"})]
        assert (await bench.got()).kind is EventKind.TRANSFER_FINISHED
    (asked,) = other.seen or server.seen[1:]
    assert asked.path == "/b?c=d"
    assert ("Token" in asked.headers) is has_token
    assert (TOKEN in str(asked.headers)) is has_token
    assert (FINGERPRINT in str(asked.headers)) is has_token


async def test_url_when_of_another_server_then_gets_no_token(
    bench: Bench, server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hosts, "allows", lambda _self, _address: True)
    async with VideoServer(GCODE).run() as other:
        assert (await bench.got(url=f"{other.url}/x.gcode")).reason is None
    assert not {"Token", "Fingerprint"} & other.seen[0].headers.keys()
    assert server.seen == []


async def test_url_when_of_prusa_connect_then_gets_the_token(
    bench: Bench, server: VideoServer
) -> None:
    assert (await bench.got(url=f"{server.url}/x.gcode")).reason is None
    assert server.seen[0].headers["Token"] == TOKEN


CLOSED = [
    "http://127.0.0.1:7125/server/files/config/moonraker.conf",
    "http://127.1.2.3/",
    "http://0.0.0.0/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:192.168.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[ff02::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://192.0.2.1/",
]
BY_NAME = [
    "http://localhost/",
    "http://127.1/",
    "http://0x7f000001/",
    "http://2130706433/",
]


@pytest.mark.parametrize("url", CLOSED)
async def test_url_when_not_public_then_is_not_asked(
    bench: Bench, server: VideoServer, url: str
) -> None:
    with pytest.raises(CommandRejected, match="not a public address"):
        await bench.order(url=url)
    assert server.seen == []
    assert bench.leftovers() == []


@pytest.mark.parametrize("url", BY_NAME)
async def test_url_when_its_name_means_this_host_then_is_not_asked(
    bench: Bench, server: VideoServer, url: str
) -> None:
    port = URL(server.url).port
    bench.server.address = URL("http://connect.test")
    await bench.reopen()
    target = str(URL(url).with_port(port))
    # aiohttp itself finds that some of them are no names.
    assert re.search("not a public address|InvalidUrl", await bench.fails(url=target))
    assert server.seen == []


async def test_name_when_it_means_a_private_address_then_is_not_asked(
    bench: Bench, server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names({"rebound.test": "127.0.0.1"})
    monkeypatch.setattr(
        "moonraker_prusacam.connect.printer.klipper.hosts.ThreadedResolver",
        lambda: names,
    )
    url = str(URL(server.url).with_host("rebound.test"))
    assert "rebound.test is not a public address" in await bench.fails(url=url)
    assert server.seen == []
    bench.events.clear()
    assert "cannot be resolved" in await bench.fails(url="http://absent.test/")


@pytest.mark.parametrize(
    ("address", "public", "lan"),
    [
        ("1.1.1.1", True, True),
        ("2606:4700::1111", True, True),
        ("64:ff9b::101:101", True, True),
        ("192.168.1.1", False, True),
        ("10.1.2.3", False, True),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("224.0.0.251", False, False),
        ("0.0.0.0", False, False),
        ("64:ff9b::7f00:1", False, False),
        ("2002:7f00:1::", False, False),
    ],
)
def test_address_when_a_person_allows_the_lan_then_only_that_is_open(
    address: str, *, public: bool, lan: bool
) -> None:
    server = URL("https://connect.test")
    parsed = ipaddress.ip_address(address)
    assert Hosts(server, allow_lan=False).allows(parsed) is public
    assert Hosts(server, allow_lan=True).allows(parsed) is lan


ORDERS: list[dict[str, Any]] = [
    {"path": None},
    {"path": "/gcodes/../a.gcode"},
    {"path": "/etc/a.gcode"},
    {"path": "/gcodes/.a.gcode"},
    {"path": "/gcodes/a.bgcode"},
    {"path": "/gcodes/a.txt"},
    {"path": "/gcodes/a.GCODE"},
    {"path": "/gcodes/there.gcode"},
    {"path": "/gcodes/linked.gcode"},
    {"path": "/gcodes/nowhere/a.gcode"},
    {"team_id": None},
    {"team_id": "x"},
    {"team_id": -1},
    {"team_id": True},
    {"team_id": 1.5},
    {"team_id": "1/../2"},
    {"hash": None},
    {"hash": ""},
    {"hash": ".."},
    {"hash": "../../x"},
    {"hash": "a/b"},
    {"hash": "a?b"},
    {"hash": "a#b"},
    {"hash": "a%2fb"},
    {"hash": "a b"},
    {"hash": "a\r\nHost: b"},
    {"hash": "a" * 200},
    {"hash": 5},
    {"url": None},
    {"url": ""},
    {"url": 5},
    {"url": "file:///etc/passwd"},
    {"url": "ftp://a.test/b"},
    {"url": "//a.test/b"},
    {"url": "a.test/b"},
    {"url": "http://"},
    {"url": "http://user:password@a.test/"},
    {"url": "http://[::1"},
    {"url": "http://a.test/" + "b" * 3000},
    {"url": "gopher://127.0.0.1:7125/_x"},
    {"size": 4096 << 20},
]


@pytest.mark.parametrize("told", ORDERS, ids=lambda told: str(told)[:50])
async def test_order_when_it_makes_no_sense_then_is_refused_and_nothing_is_asked(
    bench: Bench, server: VideoServer, told: dict[str, Any]
) -> None:
    (bench.root / "there.gcode").write_text("G28")
    (bench.root / "linked.gcode").symlink_to(bench.root / "absent")
    with pytest.raises(CommandRejected, match=r"\w \w"):
        await bench.order(**told)
    assert server.seen == []
    assert bench.transfers.current is None
    assert bench.leftovers() == ["there.gcode"]


async def test_order_when_not_registered_then_is_refused(bench: Bench) -> None:
    bench.server.token = ""
    with pytest.raises(CommandRejected, match="not registered"):
        await bench.order()


async def test_order_when_the_root_is_not_known_then_is_refused(bench: Bench) -> None:
    bench.root_error = CommandRejected("Moonraker does not answer")
    with pytest.raises(CommandRejected, match="Moonraker does not answer"):
        await bench.order()


async def test_order_when_another_is_under_way_then_is_refused_and_that_goes_on(
    bench: Bench, server: VideoServer
) -> None:
    server.next = [Turn(cut_after=CHUNK), Turn(is_silent=True)]
    outcome = await bench.order()
    await server.until_seen(2)
    with pytest.raises(CommandRejected, match="another transfer"):
        await bench.order(path="/gcodes/b.gcode")
    for wrong in (1, "x", outcome.transfer_id and outcome.transfer_id + 1):
        with pytest.raises(CommandRejected, match="not the current transfer"):
            await bench.transfers.stop(wrong)
        with pytest.raises(CommandRejected, match="not the current transfer"):
            bench.transfers.info(wrong)
    info = bench.transfers.info(outcome.transfer_id)
    assert info.data["size"] == len(GCODE)
    assert info.data["transferred"] == CHUNK
    assert info.data["time_remaining"] >= 0
    await bench.transfers.stop(outcome.transfer_id)
    assert (await bench.end()).kind is EventKind.TRANSFER_STOPPED
    assert bench.leftovers() == []
    assert bench.transfers.info().data == {"type": "NO_TRANSFER"}
    with pytest.raises(CommandRejected, match="no transfer is in progress"):
        await bench.transfers.stop(None)


async def test_transfer_when_stopped_in_its_last_step_then_comes_to_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()
    real = delivery.deliver

    def slowly(*args: Any) -> None:
        reached.set()
        go_on.wait(WAIT_S)
        real(*args)

    monkeypatch.setattr(transfer, "deliver", slowly)
    await bench.order()
    assert await asyncio.to_thread(reached.wait, WAIT_S)
    with pytest.raises(CommandRejected, match="just come to its end"):
        await bench.transfers.stop(None)
    go_on.set()
    assert (await bench.end()).kind is EventKind.TRANSFER_FINISHED
    assert bench.leftovers() == ["a.gcode"]
    bench.events.clear()
    assert (await bench.got(path="/gcodes/b.gcode")).reason is None


async def test_orders_when_two_come_at_once_then_one_is_taken(
    bench: Bench, server: VideoServer
) -> None:
    results = await asyncio.gather(
        bench.order(), bench.order(path="/gcodes/b.gcode"), return_exceptions=True
    )
    assert sum(isinstance(result, CommandRejected) for result in results) == 1
    await bench.end()
    assert len(server.seen) == 1


async def test_process_when_it_ends_in_a_transfer_then_the_next_goes_on(
    bench: Bench, server: VideoServer
) -> None:
    server.next = [Turn(cut_after=5 * CHUNK), Turn(is_silent=True)]
    outcome = await bench.order(printing=True)
    await server.until_seen(2)
    await bench.reopen()
    assert bench.events == []
    assert min(bench.leftovers()) == "transfer.json"
    note = bench.state_path / "transfer.json"
    assert note.stat().st_mode & 0o077 == 0
    await bench.transfers.resume()
    event = await bench.end()
    assert (event.kind, event.transfer_id) == (
        EventKind.TRANSFER_FINISHED,
        outcome.transfer_id,
    )
    assert server.seen[-1].first == 5 * CHUNK
    assert (bench.root / "a.gcode").read_bytes() == GCODE


async def test_progress_when_octets_come_then_it_is_told_now_and_then(
    bench: Bench, server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = await bench.order()
    assert (await bench.end()).kind is EventKind.TRANSFER_FINISHED
    (told,) = bench.progress  # within ten seconds
    assert told.transfer_id == outcome.transfer_id
    assert told.data["size"] == len(GCODE)
    assert 0 < told.data["transferred"] <= len(GCODE)
    bench.progress.clear()
    bench.events.clear()
    (bench.root / "a.gcode").unlink()
    monkeypatch.setattr(transfer, "INFO_S", 0.0)
    server.next = [Turn(cut_after=5 * CHUNK)]
    await bench.order()
    await bench.end()
    done = [event.data["transferred"] for event in bench.progress]
    assert len(done) > 1
    assert done == sorted(done)


async def test_process_when_the_next_cannot_go_on_then_that_is_told(
    bench: Bench, server: VideoServer
) -> None:
    server.next = [Turn(is_silent=True)]
    outcome = await bench.order()
    await server.until_seen(1)
    await bench.reopen()
    bench.server.token = ""
    await bench.transfers.resume()
    event = await bench.end()
    assert event.kind is EventKind.TRANSFER_ABORTED
    assert event.transfer_id == outcome.transfer_id
    assert bench.leftovers() == []


async def test_process_when_killed_after_the_last_rename_then_it_is_finished(
    bench: Bench, server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[bytes] = []
    real = delivery.deliver

    def delivered(*args: Any) -> None:
        real(*args)
        notes.append((bench.state_path / "transfer.json").read_bytes())

    monkeypatch.setattr(transfer, "deliver", delivered)
    await bench.got()
    (bench.state_path / "transfer.json").write_bytes(notes[0])
    bench.events.clear()
    await bench.reopen()
    await bench.transfers.resume()
    assert (await bench.end()).kind is EventKind.TRANSFER_FINISHED
    assert len(server.seen) == 1
    assert (bench.root / "a.gcode").read_bytes() == GCODE


class Killed(BaseException):
    """The process is no more; what it would have done next is not done."""


STEPS = ("fsync", "rename", "replace", "pwrite", "unlink")


async def _die_at(bench: Bench, patch: pytest.MonkeyPatch, step: int) -> bool:
    """Run a transfer up to its ``step``-th change of a file; whether it got there."""
    passed, died = 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def dying(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed >= step:  # nor does it clean up behind itself
                loop.call_soon_threadsafe(died.set)
                loop.call_soon_threadsafe(bench.changed.set)
                raise Killed
            return real(*args, **kwargs)

        return call

    with patch.context() as context:
        for name in STEPS:
            context.setattr(os, name, dying(getattr(os, name)))
        with contextlib.suppress(Killed):
            await bench.order(size=len(GCODE), hash=SHA256)
            async with asyncio.timeout(WAIT_S):
                while not died.is_set() and not bench.events:
                    bench.changed.clear()
                    await bench.changed.wait()
        await bench.reopen()
    return died.is_set()


async def test_process_when_killed_at_any_step_then_the_file_is_whole_or_not_there(
    bench: Bench, server: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.connect.download.part.SYNC_BYTES", 1 << 15)
    ends: list[str] = []
    step = 1
    while await _die_at(bench, monkeypatch, step):
        there = bench.root / "a.gcode"
        assert not there.exists() or there.read_bytes() == GCODE
        assert [path.name for path in bench.root.iterdir() if path != there] == []
        bench.events.clear()
        await bench.transfers.resume()
        if bench.transfers.current is not None:
            ends.append((await bench.end()).kind)
            assert there.read_bytes() == GCODE
            assert bench.leftovers() == ["a.gcode"]
        else:  # before the order was taken, or after all was told
            ends.append("nothing")
        there.unlink(missing_ok=True)
        bench.events.clear()
        step += 1
    assert step > 15
    assert set(ends) <= {"nothing", EventKind.TRANSFER_FINISHED}
    assert ends.count(EventKind.TRANSFER_FINISHED) > 10
    assert len(server.seen) >= ends.count(EventKind.TRANSFER_FINISHED)


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b"{}", b'{"id": 1}', b"\xff", b"[" * 50_000]
)
async def test_note_when_it_makes_no_sense_then_there_is_no_transfer(
    bench: Bench, note: bytes
) -> None:
    bench.state_path.mkdir(parents=True)
    (bench.state_path / "transfer.json").write_bytes(note)
    await bench.transfers.resume()
    assert bench.transfers.current is None
    assert (await bench.got()).kind is EventKind.TRANSFER_FINISHED


def test_note_when_its_path_leads_elsewhere_then_it_counts_for_nothing(
    tmp_path: Path,
) -> None:
    note = tmp_path / "transfer.json"
    told = {"path": PATH, "team_id": 1, "hash": "a"}
    order = order_of(Command(id=1, name="START_CONNECT_DOWNLOAD", kwargs=told))
    save_order(order, note)
    assert load_order(note) == order
    note.write_text(note.read_text().replace('"a.gcode"', '"..", "a.gcode"'))
    assert load_order(note) is None


async def test_file_when_one_appeared_at_its_place_then_that_stays(
    bench: Bench, server: VideoServer
) -> None:
    server.next = [Turn(cut_after=CHUNK), Turn(is_silent=True)]
    await bench.order()
    await server.until_seen(2)
    (bench.root / "a.gcode").write_text("of somebody else")
    await bench.reopen()
    await bench.transfers.resume()
    event = await bench.end()
    assert event.kind is EventKind.TRANSFER_ABORTED
    assert "exists already" in (event.reason or "")
    assert (bench.root / "a.gcode").read_text() == "of somebody else"
    assert bench.leftovers() == ["a.gcode"]


async def test_file_when_the_root_is_another_file_system_then_is_copied_hidden(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename
    hidden: list[str] = []

    def rename(source: Any, target: Any, **kwargs: Any) -> None:
        if "src_dir_fd" not in kwargs and "dst_dir_fd" in kwargs:
            raise OSError(18, "Invalid cross-device link")
        if "src_dir_fd" in kwargs:
            hidden.append(source)
        real(source, target, **kwargs)

    monkeypatch.setattr(os, "rename", rename)
    (bench.root / ".a.gcode.part").write_text("of a copy that was cut off")
    assert (await bench.got()).kind is EventKind.TRANSFER_FINISHED
    assert hidden == [".a.gcode.part"]
    assert (bench.root / "a.gcode").read_bytes() == GCODE
    assert bench.leftovers() == ["a.gcode"]


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[Path]:
    """The root on a disk of 4 MiB."""
    command = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "size=4m",
        "prusacam-test",
        str(bench.root),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=WAIT_S)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a tmpfs cannot be mounted here: {error}")
    yield bench.root
    subprocess.run(["umount", "--lazy", bench.root], check=True, timeout=WAIT_S)


async def test_file_when_the_disk_has_room_on_its_own_then_is_copied(
    bench: Bench, small_disk: Path
) -> None:
    assert (await bench.got()).kind is EventKind.TRANSFER_FINISHED
    assert (small_disk / "a.gcode").read_bytes() == GCODE


async def test_file_when_it_would_fill_the_disk_then_is_refused_or_ends(
    bench: Bench, server: VideoServer, small_disk: Path
) -> None:
    server.content = big = GCODE * 30  # 3.2 MB, and 1 MiB is to stay free
    with pytest.raises(CommandRejected, match="too little"):
        await bench.order(size=len(big))
    assert server.seen == []
    assert "too little are free" in await bench.fails()
    server.always = Turn(is_chunked=True)  # nobody tells how long it is
    bench.events.clear()
    assert "too little are free" in await bench.fails()
    assert shutil.disk_usage(small_disk).free >= 3 << 20


async def test_file_when_the_disk_fills_meanwhile_then_the_reserve_stays(
    bench: Bench, server: VideoServer, small_disk: Path
) -> None:
    server.next = [Turn(cut_after=CHUNK), Turn(is_silent=True)]
    await bench.order()
    await server.until_seen(2)
    ballast = shutil.disk_usage(small_disk).free - (1 << 20)
    await asyncio.to_thread((small_disk / "ballast").write_bytes, bytes(ballast))
    await bench.reopen()
    await bench.transfers.resume()
    event = await bench.end()
    assert event.kind is EventKind.TRANSFER_ABORTED
    assert "too little are free" in (event.reason or "")
    assert shutil.disk_usage(small_disk).free >= (1 << 20) - 4096
    assert bench.leftovers() == ["ballast"]


async def test_file_when_the_state_cannot_be_kept_then_the_order_is_refused(
    bench: Bench,
) -> None:
    bench.state_path.parent.mkdir()
    bench.state_path.write_text("in the way")
    with pytest.raises(CommandRejected, match="disk"):
        await bench.order()


async def test_transfers_when_closed_twice_then_nothing_happens(bench: Bench) -> None:
    await bench.transfers.aclose()
    await bench.transfers.aclose()
    assert bench.leftovers() == []
