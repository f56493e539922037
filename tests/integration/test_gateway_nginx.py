# Tests of the gateway behind nginx.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page for watchers that docs/gateway.md describes, in real nginx."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yarl import URL

from moonraker_prusacam.emulator.child import ChildProcess
from moonraker_prusacam.emulator.moonraker import free_port
from moonraker_prusacam.networks import networks
from tests.support.gateway import FakeEngine, FakeMoonraker, Watcher, gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
POLL_S = 0.02
PAGE = Path(__file__).parents[2] / "docs" / "gateway.md"
CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")


@asynccontextmanager
async def nginx(folder: Path, gateway_port: int) -> AsyncIterator[int]:
    """The snippet of the documentation, in front of the gateway; its port."""
    port = free_port()
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    server = (
        found[1]
        .replace("listen 8090", f"listen 127.0.0.1:{port}")
        .replace("127.0.0.1:7126", f"127.0.0.1:{gateway_port}")
        .replace("/home/pi/mainsail", str(folder / "mainsail"))
    )
    page, config = folder / "mainsail" / "index.html", folder / "nginx.conf"
    page.parent.mkdir()
    page.write_text("the page")
    # Workers of root's nginx would be somebody who cannot read the folder.
    user = "user root;" if os.getuid() == 0 else ""
    config.write_text(user + CONFIG.format(folder=folder, server=server))
    command = [str(NGINX), "-p", str(folder), "-c", str(config)]
    process = ChildProcess("nginx", command, folder / "nginx.log")
    await process.start()
    try:
        async with asyncio.timeout(10):
            while True:
                process.check()
                with suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(POLL_S)
        yield port
    finally:
        await process.aclose()


async def test_page_for_watchers_when_behind_nginx_then_all_goes_through_the_gateway(
    tmp_path: Path,
) -> None:
    async with (
        FakeMoonraker() as moonraker,
        FakeEngine() as engine,
        gateway(
            moonraker.url, engine.url, trusted_proxies=networks("loopback")
        ) as server,
        nginx(tmp_path, server.port) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        origin = {"Origin": f"http://127.0.0.1:{port}"}
        async with Watcher(port, headers=origin) as watcher:
            assert "result" in await watcher.ask("printer.info")
            denied = await watcher.ask("printer.emergency_stop")
            assert denied["error"]["code"] == 403
        async with client.get("/webcam2/stream.mjpg?placeholder=1") as stream:
            assert stream.status == 200
            # At once, though it never ends.
            async with asyncio.timeout(5):
                assert await stream.content.read(1000)
        expected = {
            "/": 200,
            "/some/view": 200,
            "/webcam2/?action=snapshot": 200,
            "/access/info": 200,
            "/printer/gcode/script?script=M112": 404,
            "/server/files/config/moonraker.conf": 404,
            "/server/files/gcodes/%2e%2e/config/a.png": 400,
            "/server//info": 400,
        }
        for path, status in expected.items():
            async with client.get(URL(path, encoded=True)) as answer:
                assert answer.status == status, path
        # Whom nginx speaks for is not believed of anybody else.
        forged = {"X-Forwarded-For": "8.8.8.8"}
        async with client.get("/access/info", headers=forged) as answer:
            assert answer.status == 200
    assert set(moonraker.methods) == {"printer.info"}
