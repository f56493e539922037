# The printer's host of docs/api-examples.md.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which every endpoint has something to tell, and who asks it.

One print is over and has its video, one was cancelled and waits, and one runs, of which
Prusa Connect knows.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs

from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.stand import PRUSA_CAMERA, Stand
from tests.reference.examples import Head, Request
from tests.support.moonraker_client import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SPEED = 20.0
LAYERS = 10  # long enough for a frame of each camera on a busy machine
ENDLESS = 400
WAIT_S = 40.0
MAX_LINE_BYTES = 8 << 20
# How the names of Moonraker's own methods begin; all others are the engine's.
MOONRAKERS = ("server.", "machine.")
ENGINE_ADDRESS = "http://127.0.0.1:8081"
TIMELAPSE = "save_frames: True\nrender_on_cancel: keep\nkeep_days: 30\n"


@attrs.define
class ApiSite:
    """``names`` are what the examples call VIDEO, COPY and JOB."""

    stand: Stand
    ui: MoonrakerClient
    names: dict[str, str] = attrs.field(factory=dict)

    async def ask(self, request: Request) -> Any:
        """The answer, as ``read_examples`` has it."""
        body = self._named(request.body)
        if not request.path:
            message = {"method": request.method, **body}
            if request.method.startswith(MOONRAKERS):
                return await self.ui.exchange(message)
            return await self._ask_engine({"jsonrpc": "2.0", "id": 1, **message})
        path = request.path
        if path.startswith(ENGINE_ADDRESS):
            path = self.stand.engine_url + path.removeprefix(ENGINE_ADDRESS)
        else:
            path = self.stand.moonraker.url + path
        return await self._ask_http(request.method, path, body)

    async def _ask_engine(self, message: dict[str, Any]) -> Any:
        reader, writer = await asyncio.open_unix_connection(
            self.stand.engine_socket, limit=MAX_LINE_BYTES
        )
        try:
            writer.write(json.dumps(message).encode() + b"\n")
            async with asyncio.timeout(WAIT_S):
                return json.loads(await reader.readline())
        finally:
            writer.transport.abort()

    async def _ask_http(self, method: str, url: str, body: dict[str, Any]) -> Any:
        timeout = aiohttp.ClientTimeout(total=WAIT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, json=body or None) as response,
        ):
            if response.content_type != "application/json":
                return Head(response.status, dict(response.headers))
            answer = json.loads(await response.read())
        return answer.get("result", answer)

    def _named(self, body: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(body)
        for name, actual in self.names.items():
            text = text.replace(f'"{name}"', json.dumps(actual))
        named: dict[str, Any] = json.loads(text)
        return named

    async def join_prusa_connect(self) -> None:
        """The printer is added in Prusa Connect, and has told it how it is."""
        ticket = await self.ui.post("/server/prusacam/printer/register")
        self.stand.connect.confirm(ticket["code"])

        async def has_told() -> bool:
            told = await self.stand.call_engine("printer.status")
            return bool(told["state"] == "online" and told["sent"]["info"])

        await self.stand.until(has_told, "the printer in Prusa Connect", WAIT_S)

    async def print_once(self) -> None:
        """A print from its beginning to its two videos."""
        await self.stand.start_print("benchy.gcode", vase(LAYERS))

        async def are_there() -> list[str]:
            told = (await self.stand.call_engine("timelapse.videos"))["videos"]
            return [video["video"] for video in told] if len(told) == 2 else []

        videos = await self.stand.until(are_there, "two videos", WAIT_S)
        ours = [video for video in videos if PRUSA_CAMERA not in video]
        (self.names["VIDEO"],) = ours
        self.names["COPY"] = ours[0].replace(".mp4", "_retimed.mp4")

    async def cancel_one(self) -> None:
        """A print that is cancelled, so that its frames wait."""
        await self.begin()
        await self.ui.post("/printer/print/cancel")
        await self._until_job("unrendered")
        (job,) = (await self.ui.get("/server/prusacam/timelapse/queue"))["jobs"]
        self.names["JOB"] = job["id"]

    async def begin(self) -> None:
        """A print that runs and has a frame."""
        await self.stand.start_print("cube.gcode", vase(ENDLESS, park=False))

        async def has_frame() -> bool:
            active = (await self.stand.call_engine("timelapse.status"))["active"]
            return bool(active and active["filename"] and active["frames"] > 1)

        await self.stand.until(has_frame, "a frame", WAIT_S)

    async def lose_camera(self) -> None:
        """The camera goes away, which clients are told."""
        self.stand.camera.pause_accepting()
        self.stand.camera.drop_client()
        await self.ui.wait_until(
            "notify_prusacam_camera", lambda event: event["state"] == "failed"
        )

    async def _until_job(self, state: str) -> None:
        async def is_so() -> bool:
            last = (await self.stand.call_engine("timelapse.status"))["last"]
            return bool(last and last["state"] == state)

        await self.stand.until(is_so, f"a job that is {state}", WAIT_S)


@asynccontextmanager
async def api_site(folder: Path) -> AsyncIterator[ApiSite]:
    """The host, as the examples find it."""
    stand = Stand(
        folder,
        speed=SPEED,
        timelapse_options=TIMELAPSE,
        panels=True,
        prusa_camera=True,
        multicam_options="record_prints: False",
        printer_options="send_network_info: False",
    )
    async with stand, MoonrakerClient(stand.moonraker.url) as ui:
        site = ApiSite(stand, ui)
        await ui.post("/machine/timelapse/settings", {"saveframes": True})
        await site.join_prusa_connect()
        await site.print_once()
        await site.cancel_one()
        await site.begin()
        wall = f"{stand.engine_url}/cameras/front/stream?viewer=wall"
        async with aiohttp.ClientSession() as session, session.get(wall):
            yield site
