# Tests of the client of Moonraker's socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moonraker comes and goes, lags and babbles; what is known is always true."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.errors import MoonrakerRefused, MoonrakerUnavailable
from moonraker_prusacam.moonraker import Klippy, MoonrakerClient, client, connection
from moonraker_prusacam.moonraker import klippy as klippy_module
from tests.support.scripted_moonraker import SILENT, ScriptedMoonraker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

WAIT_S = 10.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(client, "LAST_DELAY_S", 0.05)
    monkeypatch.setattr(klippy_module, "LOOK_S", 0.05)


@pytest.fixture
async def moonraker(tmp_path: Path) -> AsyncIterator[ScriptedMoonraker]:
    it = ScriptedMoonraker(tmp_path / "moonraker.sock")
    await it.start()
    yield it
    await it.aclose()


class Bench:
    """A client, what follows Klipper, and a wait for what they know."""

    def __init__(self, path: Path) -> None:
        self.client = MoonrakerClient(path)
        self.klippy = Klippy(self.client, lambda names: dict.fromkeys(names))
        self.changed = asyncio.Event()
        self.client.on_change.append(self.changed.set)
        self.klippy.on_change.append(self.changed.set)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def until_ready(self) -> None:
        await self.until(lambda: self.klippy.state == "ready" and self.klippy.status)


@pytest.fixture
async def bench(moonraker: ScriptedMoonraker) -> AsyncIterator[Bench]:
    it = Bench(moonraker.path)
    it.client.start()
    it.klippy.start()
    yield it
    await it.klippy.aclose()
    await it.client.aclose()


async def test_client_when_connected_then_says_who_it_is(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    told = await moonraker.until_called("server.connection.identify")
    assert told["client_name"] == "prusacam"
    assert told["type"] == "other"
    await bench.until_ready()
    assert bench.klippy.moonraker_version == "v1"
    assert bench.klippy.info["hostname"] == "host"


async def test_client_when_there_is_no_moonraker_then_says_so_at_once(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "nobody.sock")
    with pytest.raises(MoonrakerUnavailable):
        await bench.client.call("server.info")
    bench.client.start()
    bench.klippy.start()
    await bench.until(lambda: "nobody.sock" in bench.klippy.message)
    assert bench.klippy.state == "absent"
    with pytest.raises(MoonrakerUnavailable, match="no Moonraker at"):
        await bench.client.call("server.info")
    await bench.klippy.aclose()
    await bench.client.aclose()
    await bench.client.aclose()


async def test_client_when_moonraker_restarts_then_all_is_renewed(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    await moonraker.aclose()
    await bench.until(lambda: bench.klippy.state == "absent")
    assert not bench.klippy.status
    with pytest.raises(MoonrakerUnavailable):
        await bench.client.call("server.info")
    await asyncio.to_thread(moonraker.path.unlink, missing_ok=True)
    moonraker.status["print_stats"]["state"] = "printing"
    await moonraker.start()
    await bench.until_ready()
    assert bench.klippy.status["print_stats"]["state"] == "printing"
    assert bench.klippy.subscriptions == 2


async def test_call_when_refused_then_raises_with_the_words(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    moonraker.answers["printer.print.start"] = LookupError("Unable to open file")
    with pytest.raises(MoonrakerRefused, match="Unable to open file") as caught:
        await bench.client.call("printer.print.start")
    assert caught.value.code == -32601


async def test_call_when_not_answered_then_ends_in_time_and_others_go_on(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    moonraker.answers["printer.gcode.script"] = SILENT
    with pytest.raises(MoonrakerUnavailable, match="did not answer"):
        await bench.client.call("printer.gcode.script", timeout_s=0.05)
    assert await bench.client.call("server.info")


async def test_call_when_the_connection_breaks_then_ends_at_once(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    moonraker.answers["printer.gcode.script"] = SILENT
    waiting = asyncio.ensure_future(bench.client.call("printer.gcode.script"))
    await moonraker.until_called("printer.gcode.script")
    moonraker.drop()
    with pytest.raises(MoonrakerUnavailable):
        await waiting


async def test_calls_when_too_many_wait_then_the_next_is_refused(
    moonraker: ScriptedMoonraker, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.until_ready()
    monkeypatch.setattr(connection, "MAX_PENDING_CALLS", 2)
    moonraker.answers["slow"] = SILENT
    waiting = [asyncio.ensure_future(bench.client.call("slow")) for _ in range(2)]
    await moonraker.until_called("slow", 2)
    with pytest.raises(MoonrakerUnavailable, match="behind"):
        await bench.client.call("server.info")
    for call in waiting:
        call.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_call_when_cancelled_then_its_late_answer_harms_nobody(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    moonraker.answers["slow"] = SILENT
    waiting = asyncio.ensure_future(bench.client.call("slow"))
    await moonraker.until_called("slow")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    for identity in range(20):
        moonraker.send({"jsonrpc": "2.0", "id": identity, "result": "late"})
    assert await bench.client.call("server.info")
    assert moonraker.connections == 1


# What is not worth a connection, and what is the end of one.
ODD = [
    {},
    {"method": 3},
    {"method": "notify_status_update"},
    {"method": "notify_status_update", "params": []},
    {"method": "notify_status_update", "params": [3]},
    {"method": "notify_status_update", "params": [{"print_stats": None}]},
    {"method": "notify_status_update", "params": [{"webhooks": {"state": "odd"}}]},
    {"method": "notify_status_update", "params": {"a": 1}},
    {"method": "notify_history_changed", "params": [None]},
    {"method": "notify_unknown", "params": [1, 2]},
    {"method": "server.info", "id": 4, "params": []},
    {"id": "text", "result": 1},
    {"id": 10**30, "result": 1},
    {"id": None, "error": None},
]


@pytest.mark.parametrize("message", ODD, ids=str)
async def test_message_when_odd_then_the_connection_lives_on(
    moonraker: ScriptedMoonraker, bench: Bench, message: dict[str, Any]
) -> None:
    await bench.until_ready()
    moonraker.send(message)
    assert await bench.client.call("server.info")
    assert moonraker.connections == 1
    assert bench.klippy.state == "ready"


@pytest.mark.parametrize(
    "data",
    [
        b"\x03",
        b"not json\x03",
        b"[1, 2]\x03",
        b"3\x03",
        b"\xff\xfe\x03",
        b"[" * 100_000 + b"\x03",
    ],
    ids=lambda data: ascii(data[:12]),
)
async def test_message_when_it_is_none_then_the_connection_is_made_anew(
    moonraker: ScriptedMoonraker, bench: Bench, data: bytes
) -> None:
    await bench.until_ready()
    moonraker.send_raw(data)
    await moonraker.until_called("server.connection.identify", 2)
    await bench.until_ready()


async def test_message_when_without_end_then_the_connection_is_made_anew(
    moonraker: ScriptedMoonraker, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection.MoonrakerConnection, "max_message_bytes", 1 << 16)
    await bench.until_ready()
    moonraker.drop()  # the limit holds from the next connection on
    await moonraker.until_called("server.connection.identify", 2)
    moonraker.send_raw(b"x" * (1 << 18))
    await moonraker.until_called("server.connection.identify", 3)
    await bench.until_ready()


async def test_moonraker_when_silent_then_is_asked_and_then_given_up(
    moonraker: ScriptedMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SILENCE_S", 0.1)
    quiet = MoonrakerClient(moonraker.path)
    quiet.start()
    await moonraker.until_called("server.info", 2)  # asked, and has answered
    assert moonraker.connections == 1
    moonraker.answers["server.info"] = SILENT
    await moonraker.until_called("server.connection.identify", 2)
    await quiet.aclose()


async def test_moonraker_when_it_never_answers_then_is_absent(
    moonraker: ScriptedMoonraker, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.until_ready()
    moonraker.answers["server.connection.identify"] = LookupError("no")
    moonraker.drop()
    await moonraker.until_called("server.connection.identify", 3)
    assert bench.klippy.state == "absent"
    assert "no" in bench.client.trouble


async def test_listener_when_it_fails_then_the_connection_is_made_anew(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()

    def fail(method: str, params: list[Any]) -> None:
        bench.client.on_notification.remove(fail)
        raise ValueError(method, params)

    bench.client.on_notification.append(fail)
    moonraker.notify("notify_odd")
    await moonraker.until_called("server.connection.identify", 2)
    await bench.until_ready()


async def test_klipper_when_its_status_is_pushed_then_it_is_merged(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    moonraker.notify("notify_status_update", {"print_stats": {"state": "printing"}}, 2)
    await bench.until(lambda: bench.klippy.status["print_stats"]["state"] != "standby")
    assert bench.klippy.status["print_stats"] == {"state": "printing", "filename": ""}


async def test_moonraker_when_all_is_well_then_is_left_alone(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    await bench.until(lambda: bench.klippy.moonraker_version)
    before = list(moonraker.calls)
    for number in range(200):
        told = {"print_stats": {"print_duration": number}}
        moonraker.notify("notify_status_update", told, number)
        moonraker.notify("notify_proc_stat_update", {"moonraker_stats": {}})
    await bench.until(
        lambda: bench.klippy.status["print_stats"].get("print_duration") == 199
    )
    assert moonraker.calls == before


async def test_klipper_when_a_push_comes_before_the_reply_then_the_push_holds(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    def subscribe(_: object) -> dict[str, Any]:
        moonraker.notify("notify_status_update", {"print_stats": {"state": "paused"}})
        return {"status": moonraker.status}

    moonraker.answers["printer.objects.subscribe"] = subscribe
    await bench.until_ready()
    assert bench.klippy.status["print_stats"] == {"state": "paused", "filename": ""}


async def test_klipper_when_it_shuts_down_then_says_why(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    moonraker.state = "shutdown"
    moonraker.notify("notify_klippy_shutdown")
    await bench.until(lambda: bench.klippy.message == "because of shutdown")
    assert bench.klippy.state == "shutdown"


async def test_klipper_when_its_status_says_shutdown_then_it_is_known_at_once(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    told = {"state": "shutdown", "state_message": "Shutdown due to M112\nand so on"}
    moonraker.state = "shutdown"
    moonraker.notify("notify_status_update", {"webhooks": told}, 2)
    await bench.until(lambda: bench.klippy.state == "shutdown")
    assert bench.klippy.message in ("Shutdown due to M112", "because of shutdown")


async def test_klipper_when_it_ends_then_nothing_is_known_until_it_is_back(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    moonraker.state = "disconnected"
    moonraker.notify("notify_klippy_disconnected")
    await bench.until(lambda: bench.klippy.state == "disconnected")
    assert not bench.klippy.status
    moonraker.state = "startup"
    await bench.until(lambda: bench.klippy.state == "startup")
    moonraker.state = "error"
    await bench.until(lambda: bench.klippy.message == "because of error")
    moonraker.state = "ready"
    moonraker.notify("notify_klippy_ready")
    await bench.until_ready()
    assert bench.klippy.subscriptions == 2


async def test_klipper_when_ready_but_refusing_then_is_asked_again(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    moonraker.answers["printer.objects.list"] = LookupError("Klippy Host not connected")
    await moonraker.until_called("printer.objects.list", 2)
    assert not bench.klippy.status
    moonraker.answers["printer.objects.list"] = {"objects": ["print_stats"]}
    await bench.until_ready()


@pytest.mark.parametrize("answer", [None, [], "text", {"klippy_state": ["odd"]}, 5])
async def test_klipper_when_moonraker_answers_nonsense_then_is_asked_again(
    moonraker: ScriptedMoonraker, bench: Bench, answer: Any
) -> None:
    good = moonraker.answers["server.info"]
    moonraker.answers["server.info"] = answer
    await moonraker.until_called("server.info", 2)
    moonraker.answers["server.info"] = good
    await bench.until_ready()


async def test_wait_when_it_does_not_come_to_be_then_ends_in_time(
    moonraker: ScriptedMoonraker, bench: Bench
) -> None:
    await bench.until_ready()
    assert not await bench.klippy.until(lambda: False, 0.02)
    assert await bench.klippy.until(lambda: True, 0.02)
    assert len(bench.klippy.on_change) == 1
    assert moonraker.connections == 1
