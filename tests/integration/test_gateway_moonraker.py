# Tests of the gateway in front of real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole host behind the gateway: every method is classified, and watching works.

The start sequences are those that Mainsail 2.18.2 and Fluidd 1.37.4 were seen to send
through the gateway in a browser.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from moonraker_prusacam.emulator.child import ChildProcess
from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.moonraker import moonraker_python
from moonraker_prusacam.emulator.stand import Stand
from moonraker_prusacam.gateway.methods import METHODS, PATHS
from moonraker_prusacam.gateway.notices import DROPPED, NOTICES
from moonraker_prusacam.gateway.refusals import REASONS
from tests.support import moonraker_api
from tests.support.gateway import Watcher, gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.moonraker

WAIT_S = 30.0
TRIES_OF_MAINSAIL = 5
PROBE = Path(moonraker_api.__file__)
# Registered under names that are not in the source: the two that everybody else calls,
# and Klipper's own, which a running one tells.
UNREADABLE = Counter(
    {
        "common.py: notify_clients": 1,
        "components/application.py: register_endpoint": 1,
        "components/klippy_connection.py: register_endpoint": 1,
        "components/websockets.py: notify_clients": 2,
        "server.py: register_notification": 1,
    }
)
SECRET = "hunter2"
Calls = list[tuple[str, dict[str, Any] | None]]
SECRETS = f"""
[data_store]
temperature_store_size: 600
broker_password: {SECRET}
[webcam door]
location: door
stream_url: rtsp://admin:{SECRET}@192.0.2.5/live?token={SECRET}
snapshot_url: http://admin:{SECRET}@192.0.2.5/a.jpg
"""


@asynccontextmanager
async def host(folder: Path) -> AsyncIterator[Stand]:
    """A printer host with secrets, and a component that lists Moonraker's methods."""
    stand = Stand(folder, speed=20, panels=True)
    stand.moonraker._config += f"[probe]\n{SECRETS}"
    components = folder / "components"
    components.mkdir()
    (components / "probe.py").symlink_to(PROBE)
    async with stand:
        await stand.until(stand._is_klippy_ready, "Klippy to be ready")
        yield stand


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path is short.
    with tempfile.TemporaryDirectory(prefix="gw") as made:
        yield Path(made)


def test_source_of_moonraker_when_read_then_every_name_is_classified() -> None:
    done = subprocess.run(
        [moonraker_python(), PROBE], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert Counter(found["unreadable"]) == UNREADABLE
    assert len(found["methods"]) > 100
    # One that is in neither table is new: decide about it in methods or refusals.
    assert set(found["methods"]) - METHODS.keys() - REASONS.keys() == set()
    assert set(found["notifications"]) - NOTICES.keys() - DROPPED.keys() == set()


async def test_methods_when_called_in_running_moonraker_then_as_they_are_classified(
    folder: Path,
) -> None:
    async with (
        host(folder) as stand,
        gateway(stand.moonraker.url) as server,
        Watcher(server.port) as watcher,
    ):
        answer = await stand.moonraker.request("GET", "/server/probe/methods")
        registered = set(answer["methods"]) - {"server.probe.methods"}
        assert {"printer.gcode.script", "server.prusacam.status"} < registered
        # Among them Klipper's, which no source of Moonraker's names.
        assert registered - METHODS.keys() - REASONS.keys() == set()
        denied = sorted((registered | REASONS.keys()) - METHODS.keys())
        for name in denied:
            told = (await watcher.ask(name, {"script": "M112"}))["error"]
            assert told["message"].startswith("read-only gateway"), name
            path = "/" + name.replace(".", "/")
            for wanted in (path, re.sub("(get|post|delete)_", "", path)):
                if wanted not in PATHS:
                    url = f"http://127.0.0.1:{server.port}{wanted}?script=M112"
                    async with stand.moonraker.session.get(url) as refused:
                        assert refused.status == 404, wanted
        allowed = registered & METHODS.keys()
        assert len(allowed) > 35
        # Nothing has happened: neither M112, nor a restart, nor the end of Moonraker.
        info = await stand.moonraker.request("GET", "/printer/info")
        assert info["state"] == "ready"


MAINSAIL: Calls = [
    ("server.info", {}),
    ("server.config", {}),
    ("machine.system_info", {}),
    ("machine.proc_stats", {}),
    ("server.database.list", {"root": "config"}),
    ("server.job_queue.status", {}),
    ("server.history.list", {"start": 0, "limit": 50, "max": 100}),
    ("server.history.totals", {}),
    ("server.announcements.list", {}),
    ("machine.timelapse.get_settings", {}),
    ("machine.timelapse.lastframeinfo", {}),
    ("server.files.get_directory", {"path": "gcodes"}),
    ("server.files.get_directory", {"path": "timelapse"}),
    ("server.files.get_directory", {"path": "timelapse_frames"}),
    ("server.database.get_item", {"namespace": "mainsail"}),
    ("server.database.get_item", {"namespace": "maintenance"}),
    ("server.webcams.list", {}),
    ("printer.objects.query", {"objects": {"gcode": ["commands"]}}),
    ("printer.info", {}),
    ("server.gcode_store", {}),
    ("printer.objects.list", None),
    ("printer.objects.subscribe", {"objects": {"toolhead": None, "configfile": None}}),
    ("server.temperature_store", {"include_monitors": True}),
    ("printer.objects.query", {"objects": {"extruder": ["can_extrude"]}}),
]
FLUIDD: Calls = [
    ("server.database.get_item", {"namespace": "fluidd"}),
    ("server.info", None),
    ("server.config", None),
    ("machine.proc_stats", None),
    ("machine.system_info", None),
    ("printer.info", None),
    ("printer.objects.list", None),
    ("access.get_user", None),
    ("access.users.list", None),
    ("access.info", None),
    ("server.history.list", {"limit": 50}),
    ("server.history.totals", None),
    ("server.database.list", None),
    ("machine.timelapse.get_settings", None),
    ("machine.timelapse.lastframeinfo", None),
    ("server.announcements.list", None),
    ("server.webcams.list", None),
    ("server.job_queue.status", None),
    ("server.files.get_directory", {"path": "gcodes", "extended": True}),
    ("printer.objects.subscribe", {"objects": {"toolhead": ["position"]}}),
    ("server.gcode_store", None),
    ("printer.gcode.help", None),
    ("server.temperature_store", {"include_monitors": True}),
]


# As read in the source of Mobileraker (b89cbf1).
MOBILERAKER: Calls = [
    ("server.info", None),
    ("printer.info", None),
    ("printer.objects.list", None),
    ("printer.objects.query", {"objects": {"toolhead": None, "configfile": None}}),
    ("printer.objects.subscribe", {"objects": {"toolhead": None}}),
    ("server.temperature_store", None),
    ("server.gcode_store", {"count": 500}),
    ("printer.gcode.help", None),
    ("machine.system_info", None),
    ("server.announcements.list", {"include_dismissed": False}),
    ("server.database.list", None),
    ("server.webcams.list", None),
    ("server.history.list", {"limit": 20}),
    ("server.files.roots", None),
    ("server.files.get_directory", {"path": "gcodes", "extended": True}),
]
NEEDED = {
    "/server/database/item": "?namespace=mainsail",
    "/server/files/metadata": "?filename=a.gcode",
    "/server/files/thumbnails": "?filename=a.gcode",
    "/server/sensors/info": "?sensor=a",
    "/server/history/job": "?uid=0",
    "/server/webcams/item": "?name=door",
    "/machine/device_power/device": "?device=a",
    "/printer/objects/query": "?configfile&toolhead=position",
}


async def start_watching(watcher: Watcher, calls: Calls) -> str:
    """Make the calls one by one, then all at once; everything that was answered."""
    identity = {"client_name": "ui", "version": "1", "type": "web", "url": "http://a"}
    answer = await watcher.ask("server.connection.identify", identity)
    assert answer["result"]["connection_id"]
    texts = []
    for number, (method, params) in enumerate(calls):
        answer = await watcher.ask(method, params, number)
        assert "result" in answer, (method, answer)
        texts.append(json.dumps(answer))
    batch = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}
        for number, (method, params) in enumerate(calls)
    ]
    answers = await watcher.ask_text(json.dumps(batch))
    assert {answer["id"] for answer in answers} == set(range(len(calls)))
    assert all("result" in answer for answer in answers)
    return "".join(texts)


async def test_user_interfaces_when_they_start_then_all_is_answered_but_no_secret(
    folder: Path,
) -> None:
    async with (
        host(folder) as stand,
        gateway(stand.moonraker.url) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client,
    ):
        server_url = f"http://127.0.0.1:{server.port}"
        shown = ""
        for calls in (MAINSAIL, FLUIDD, MOBILERAKER):
            async with Watcher(server.port) as watcher:
                shown += await start_watching(watcher, calls)
                # Each second, so that Mainsail does not take the connection for dead.
                while "notify_proc_stat_update" not in {
                    notice["method"] for notice in watcher.notices
                }:
                    watcher.notices.append(await watcher.receive())
        # Mobileraker compares the words.
        for key in ("settings", "fcm"):
            item = f"/server/database/item?namespace=mobileraker&key={key}"
            told = []
            for url in (server_url, stand.moonraker.url):
                async with stand.moonraker.session.get(f"{url}{item}") as answer:
                    told.append((await answer.json())["error"]["message"])
            assert told[0] == told[1]
        answered = 0
        for path in PATHS:
            async with client.get(path + NEEDED.get(path, "")) as answer:
                assert answer.status in (200, 404), path
                shown += await answer.text()
                answered += answer.status == 200
        assert answered > 25
        assert SECRET not in shown
        assert "rtsp://192.0.2.5/live?token=***" in shown
        # Moonraker itself shows them, and repeats options that it does not understand.
        for path in ("/server/config", "/server/webcams/list", "/server/info"):
            assert SECRET in json.dumps(await stand.moonraker.request("GET", path))


async def curl(port: int, path: str, *options: str) -> tuple[int, str]:
    """Status and headers as real curl has them."""
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "-D", "-", "-o", os.devnull, "--path-as-is"),
        *("--max-time", "10", *options, f"http://127.0.0.1:{port}{path}"),
        stdout=asyncio.subprocess.PIPE,
    )
    head, _ = await process.communicate()
    return int(head.split()[1]), head.decode()


@asynccontextmanager
async def gateway_program(stand: Stand) -> AsyncIterator[int]:
    """``prusacam gateway`` as a user runs it; its port."""
    config, log = stand.folder / "gateway.conf", stand.folder / "gateway.log"
    text = (
        f"[gateway]\nhost: 127.0.0.1\nport: 0\nmoonraker: {stand.moonraker.url}\n"
        f"[engine]\nport: {stand.port}\n"
    )
    await asyncio.to_thread(config.write_text, text)
    command = [sys.executable, "-m", "moonraker_prusacam", "gateway", "-c", str(config)]
    process = ChildProcess("the gateway", command, log)
    await process.start()

    async def port() -> int:
        process.check()
        found = re.search(
            r"listens on port (\d+)", await asyncio.to_thread(log.read_text)
        )
        return int(found[1]) if found else 0

    try:
        yield await stand.until(port, "the gateway to listen")
    finally:
        await process.aclose()
    assert "gateway stops" in await asyncio.to_thread(log.read_text)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_checks_of_the_first_version_when_made_with_curl_then_as_they_were(
    folder: Path,
) -> None:
    # Of the camera bridge that this began as: 8081 is the engine's port, 7126 the door.
    async with host(folder) as stand, gateway_program(stand) as door:
        for port in (stand.port, door):
            status, head = await curl(port, "/snapshot.jpg")
            assert status == 200
            assert "image/jpeg" in head
            status, head = await curl(port, "/stream.mjpg", "-I")
            assert status == 200
            assert "multipart/x-mixed-replace" in head
        for path in ("/server/info", "/printer/info", "/printer/objects/list"):
            assert (await curl(door, path))[0] == 200
        for path in (
            "/printer/gcode/script?script=G28",
            "/printer/print/start?filename=a.gcode",
            "/machine/reboot",
            "/server/restart",
            "/server/files/config/moonraker.conf",
            "/server/files/config/../config/moonraker.conf",
            "/server/files/gcodes/../config/moonraker.conf",
            "/server/files/moonraker.log",
            "/access/api_key",
        ):
            assert (await curl(door, path))[0] in (400, 404), path
            assert (await curl(door, path, "-X", "POST"))[0] == 405, path


async def watch_again(port: int) -> Watcher:
    """Connect as Mainsail does: five times at most; the gateway waits for Moonraker."""
    for _ in range(TRIES_OF_MAINSAIL - 1):
        watcher = Watcher(port)
        with suppress(aiohttp.WSServerHandshakeError):
            await watcher.connect()
            return watcher
    return Watcher(port)


async def test_print_when_watched_then_seen_to_its_end_though_moonraker_restarts(
    folder: Path,
) -> None:
    wanted = {"objects": {"print_stats": ["state"]}}
    async with host(folder) as stand, gateway(stand.moonraker.url) as server:
        async with Watcher(server.port) as watcher:
            await watcher.ask("printer.objects.subscribe", wanted)
            await stand.start_print("seen.gcode", vase(12))
            while True:
                notice = await watcher.receive()
                if notice["method"] == "notify_status_update":
                    state = notice["params"][0].get("print_stats", {}).get("state")
                    if state == "printing":
                        break
            restarting = asyncio.create_task(stand.moonraker.restart())
            await watcher.read_to_the_end()
        async with await watch_again(server.port) as watcher:
            await restarting
            await stand.until(stand._is_klippy_ready, "Klippy to be ready")
            answer = await watcher.ask("printer.objects.subscribe", wanted)
            state = answer["result"]["status"]["print_stats"]["state"]
            async with asyncio.timeout(WAIT_S):
                while state != "complete":
                    notice = await watcher.receive()
                    if notice["method"] == "notify_status_update":
                        stats = notice["params"][0].get("print_stats", {})
                        state = stats.get("state", state)
            listed = await watcher.ask("server.files.list", {"root": "gcodes"})
            assert [file["path"] for file in listed["result"]] == ["seen.gcode"]
            assert {file["permissions"] for file in listed["result"]} == {"r"}
