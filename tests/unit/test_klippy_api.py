# Tests of the simulated printer's API socket and of its lifetime.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that behave, clients that do not, emergency stop, restart and kill."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.klippy import CommandError, SimulatedPrinter, server
from moonraker_prusacam.errors import ClosedError
from tests.support.klippy_client import (
    ApiError,
    KlippyClient,
    running_printer,
    wait_moving,
)

if TYPE_CHECKING:
    from pathlib import Path

RECONNECT_S = 0.02


async def reconnect(path: Path) -> KlippyClient:
    """Connect to a printer that is restarting, as Moonraker does: again and again."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await KlippyClient.connect(path)
            except OSError:
                await asyncio.sleep(RECONNECT_S)


GARBAGE = [
    b"\x03",
    b"\x03\x03\x03",
    b"not json\x03",
    b"\xff\xfe\x00\x03",
    b"[]\x03",
    b"null\x03",
    b'"text"\x03',
    b"{}\x03",
    b'{"id":1}\x03',
    b'{"id":1,"method":5}\x03',
    b'{"id":1,"method":"info","params":null}\x03',
    b'{"id":1,"method":"info","params":[1]}\x03',
    b'{"id":1,"method":"info"\x03',
    b"[" * 100_000 + b"\x03",
    b'{"id":{"a":1},"method":"gcode/script","params":{"script":5}}\x03',
    b'{"method":"gcode/script","params":{"script":"NO_ANSWER_WANTED"}}\x03',
    json.dumps({"id": 1, "method": "x" * 100_000}).encode() + b"\x03",
]


async def test_client_when_it_sends_garbage_then_server_goes_on(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path) as (printer, client):
        for data in GARBAGE:
            client.writer.write(data)
        # Cut in the middle, and in single bytes.
        for byte in b'{"id": 77, "method": "info"}\x03':
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        assert (await client.reply(77))["state"] == "ready"
        assert printer.klippy_state == "ready"


async def test_client_when_it_leaves_in_a_message_then_server_goes_on(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        other = await KlippyClient.connect(tmp_path / "klippy.sock")
        other.send("gcode/script", {"script": "G4 P2000"})
        other.writer.write(b'{"id": 2, "meth')
        await other.aclose()
        assert (await client.request("info"))["state"] == "ready"


async def test_client_when_message_is_oversized_then_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_MESSAGE_BYTES", 10_000)
    async with running_printer(tmp_path) as (_printer, client):
        other = await KlippyClient.connect(tmp_path / "klippy.sock")
        other.writer.write(b"x" * 20_000)
        await other.closed()
        await other.aclose()
        assert (await client.request("info"))["state"] == "ready"


async def test_client_when_it_does_not_read_then_dropped_and_printer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "UNRESPONSIVE_S", 0.3)
    async with running_printer(tmp_path) as (_printer, client):
        lazy = socket.socket(socket.AF_UNIX)
        with lazy:
            lazy.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(lazy, str(tmp_path / "klippy.sock"))
            request = {
                "id": 1,
                "method": "gcode/subscribe_output",
                "params": {"response_template": {"method": "x" * 1000}},
            }
            await loop.sock_sendall(lazy, json.dumps(request).encode() + b"\x03")
            await loop.sock_recv(lazy, 100)
            started = time.monotonic()
            for _ in range(20):
                await client.gcode("\n".join(["M105"] * 20))
            # Nothing waited for the lazy one.
            assert time.monotonic() - started < 2.0
            # Its buffered data, then the end.
            await asyncio.sleep(0.4)
            async with asyncio.timeout(5):
                while await loop.sock_recv(lazy, 1 << 20):
                    pass
        assert len(client.console) == 400


async def test_client_when_it_floods_then_is_answered_in_order(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        hold = client.send("gcode/script", {"script": "G4 P20000"})
        ids = [
            client.send("gcode/script", {"script": f"ECHO N={n}"}) for n in range(1000)
        ]
        await client.reply(hold)
        await client.reply(ids[-1])
        assert client.console == [f"// ECHO N={n}" for n in range(1000)]


async def test_clients_when_too_many_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_CLIENTS", 2)
    async with running_printer(tmp_path) as (_printer, client):
        path = tmp_path / "klippy.sock"
        second, third = (
            await KlippyClient.connect(path),
            await KlippyClient.connect(path),
        )
        await third.closed()
        assert (await second.request("info"))["state"] == "ready"
        assert (await client.request("info"))["state"] == "ready"
        await second.aclose()
        await third.aclose()


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("nothing/here", {}, "No registered callback for path 'nothing/here'"),
        ("gcode/script", {}, "Missing Argument \\[script\\]"),
        ("gcode/script", {"script": 5}, "Invalid Argument Type \\[script\\]"),
        ("objects/query", {}, "Missing Argument \\[objects\\]"),
        ("objects/query", {"objects": []}, "Invalid Argument Type"),
        ("objects/query", {"objects": {"toolhead": "x"}}, "Invalid argument"),
        ("objects/subscribe", {"objects": {"toolhead": [1]}}, "Invalid argument"),
        ("register_remote_method", {"remote_method": "a"}, "Missing Argument"),
        ("info", {"client_info": 3}, "Invalid Argument Type"),
    ],
)
async def test_request_when_wrong_then_error_is_klippers(
    tmp_path: Path, method: str, params: dict[str, Any], message: str
) -> None:
    async with running_printer(tmp_path) as (printer, client):
        with pytest.raises(ApiError, match=message):
            await client.request(method, **params)
        assert client.received[-1][1] is not None
        assert client.received[-1][1]["error"]["error"] == "WebRequestError"
        assert printer.klippy_state == "ready"


async def test_query_when_object_is_unknown_then_empty(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        status = await client.status(no_such=None, toolhead=["position", "what"])
        assert status["no_such"] == {}
        assert status["toolhead"] == {"position": [0.0, 0.0, 0.0, 0.0], "what": None}


async def test_query_when_nobody_subscribed_then_first_is_answered_at_once(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        started = time.monotonic()
        await client.status(webhooks=None)
        assert time.monotonic() - started < 0.1
        await client.status(webhooks=None)
        # The second waits for the tick.
        assert time.monotonic() - started > 0.2


async def test_subscription_when_values_change_then_only_they_are_pushed(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        for name in ("old", "new"):
            await client.request(
                "objects/subscribe",
                objects={"fan": None, "gcode_move": ["speed"], "webhooks": None},
                response_template={"method": name, "tag": 1},
            )
        assert client.named("new") == []
        await client.gcode("M106 S255")
        message = await client.wait_for(lambda m: m.get("method") == "new")
        assert message["tag"] == 1
        assert message["params"]["status"] == {"fan": {"speed": 1.0}}
        await client.gcode("M107\nG1 F1200")
        await client.wait_for(
            lambda m: "gcode_move" in m.get("params", {}).get("status", {})
        )
        pushed = client.named("new")
        assert pushed[1]["status"] == {
            "fan": {"speed": 0.0},
            "gcode_move": {"speed": 1200.0},
        }
        gap_s = pushed[1]["eventtime"] - pushed[0]["eventtime"]
        assert gap_s > 0.15  # 0.25, and more on a busy host
        # One connection has one subscription: the first was replaced.
        assert client.named("old") == []


async def test_emergency_stop_when_printing_then_paused_and_shutdown(
    tmp_path: Path,
) -> None:
    text = "G28\n" + "G1 X100 F6000\nG1 X0\n" * 50
    async with running_printer(tmp_path, speed=10, files={"long.gcode": text}) as (
        printer,
        client,
    ):
        await client.gcode("SDCARD_PRINT_FILE FILENAME=long.gcode")
        await wait_moving(client, 1.0)
        waiting = client.send("gcode/script", {"script": "G4 P1000\nM117 x"})
        await client.request("emergency_stop")
        assert client.console[-1] == "// Klipper state: Shutdown"
        position = printer.live_position()
        with pytest.raises(ApiError, match="Shutdown due to webhooks request\nOnce"):
            await client.reply(waiting)
        for script, message in (
            ("G28", "Shutdown due to webhooks"),
            ("STATUS", "Klipper state: Not ready"),
        ):
            with pytest.raises(ApiError, match=message):
                await client.gcode(script)
        await client.gcode("M105\nM115")
        status = await client.status(print_stats=["state"], webhooks=None)
        assert status["print_stats"]["state"] == "paused"
        assert status["webhooks"]["state"] == "shutdown"
        assert printer.live_position() == position


@pytest.mark.parametrize("command", ["RESTART", "FIRMWARE_RESTART"])
@pytest.mark.parametrize("is_shutdown", [False, True])
async def test_restart_when_asked_then_new_klippy_with_new_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, is_shutdown: bool
) -> None:
    from moonraker_prusacam.emulator.klippy import simulated

    monkeypatch.setattr(simulated, "RESTART_PAUSE_S", 0.05)
    async with running_printer(tmp_path) as (printer, client):
        await client.gcode("G28\nG1 X30 F6000\nM400\nM104 S200")
        if is_shutdown:
            await client.gcode("M112")
        (tmp_path / "printer.cfg").write_text("[gcode_macro NEW]\ngcode: M84\n")
        await client.request(f"gcode/{command.lower()}")
        await client.wait_console("// Klipper state: Disconnect")
        await client.closed()
        new = await reconnect(tmp_path / "klippy.sock")
        info = await new.request("info")
        assert info["state"] == "startup"
        assert info["state_message"].startswith("\nPrinter is not ready\n")
        endpoints = (await new.request("list_endpoints"))["endpoints"]
        assert "motion_report/dump_trapq" not in endpoints
        await new.listen()
        await new.wait_console("// Klipper state: Ready")
        endpoints = (await new.request("list_endpoints"))["endpoints"]
        assert "motion_report/dump_trapq" in endpoints
        status = await new.status(toolhead=["homed_axes"], extruder=["target"])
        assert status["toolhead"]["homed_axes"] == ""
        assert status["extruder"]["target"] == 0.0
        await new.gcode("NEW")
        # The head is where it was left.
        assert printer.live_position()[0] == pytest.approx(30.0)
        await new.aclose()


async def test_kill_when_printing_then_connections_break_and_start_works(
    tmp_path: Path,
) -> None:
    text = "G28\n" + "G1 X100 F6000\nG1 X0\n" * 50
    async with running_printer(tmp_path, speed=10, files={"long.gcode": text}) as (
        printer,
        client,
    ):
        await client.gcode("SDCARD_PRINT_FILE FILENAME=long.gcode")
        await wait_moving(client, 1.0)
        await printer.kill()
        await client.closed()
        assert "// Klipper state: Disconnect" not in client.console
        assert printer.klippy_state == "disconnected"
        assert printer.live_position()[0] > 0.0
        with pytest.raises(ClosedError):
            await printer.run_gcode("G28")
        with pytest.raises(OSError, match=r".*"):
            await KlippyClient.connect(tmp_path / "klippy.sock")
        await printer.kill()
        await printer.start()
        again = await KlippyClient.connect(tmp_path / "klippy.sock")
        status = await again.status(print_stats=["state"], webhooks=["state"])
        assert status == {
            "print_stats": {"state": "standby"},
            "webhooks": {"state": "ready"},
        }
        await again.aclose()
        await printer.aclose()
        await printer.aclose()


async def test_kill_when_restarting_then_nothing_is_left(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (printer, client):
        await client.gcode("RESTART")
        await client.closed()
        await printer.kill()
        assert not (tmp_path / "klippy.sock").exists()
        assert len(asyncio.all_tasks()) == 1


async def test_start_when_socket_file_is_left_then_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "klippy.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    async with running_printer(tmp_path) as (printer, client):
        await printer.start()
        assert (await client.request("info"))["state"] == "ready"


async def test_start_when_socket_cannot_be_made_then_os_error(tmp_path: Path) -> None:
    printer = SimulatedPrinter(tmp_path / "no" / "klippy.sock", tmp_path)
    with pytest.raises(OSError, match="No such file"):
        await printer.start()
    assert len(asyncio.all_tasks()) == 1


async def test_run_gcode_when_it_fails_then_command_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with running_printer(tmp_path) as (printer, _client):
        await printer.run_gcode("G28\nG1 X5 F6000\nM400")
        assert printer.live_position() == pytest.approx((5.0, 0.0, 0.0))
        with pytest.raises(CommandError, match="Move out of range"):
            await printer.run_gcode("G1 X999")
