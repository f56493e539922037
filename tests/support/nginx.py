# A real nginx in front of an engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs nginx in the foreground, from a folder of its own, with the servers of a test.

``stock`` is how the systems that come with Mainsail or Fluidd are known to be set up:
the paths of webcams lead to local ports through named upstreams, over HTTP/1.0, and no
header tells who asks (MainsailOS 4701f35 and KIAUH b90a8f1 of 2025/26, unbuffered; the
older FluiddPI 0d37b57, with nginx's default of buffering).
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.nginx import NginxMissing, find_nginx, whole
from tests.support.sources import closed_port
from tests.support.viewers import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.support.viewers import Head, Parser

try:
    NGINX = find_nginx()
except NginxMissing:
    NGINX = ""
needs_nginx = pytest.mark.skipif(not NGINX, reason="there is no nginx on this host")

UNBUFFERED = """
        proxy_ignore_headers X-Accel-Buffering;
        proxy_buffering off;
        postpone_output 0;
"""
PORT = "@PORT@"
CHUNK = re.compile(rb"([0-9a-f]+)\r\n")


def stock(engine_port: int, *, is_buffered: bool = False) -> str:
    """The webcam's part of a stock configuration."""
    return f"""
upstream mjpgstreamer2 {{
    ip_hash;
    server 127.0.0.1:{engine_port};
}}
server {{
    listen 127.0.0.1:{PORT};
    gzip on;
    gzip_proxied any;
    client_max_body_size 0;
    proxy_request_buffering off;
    location /webcam2/ {{
        {"" if is_buffered else UNBUFFERED}
        proxy_pass http://mjpgstreamer2/;
    }}
}}
"""


def with_location(location: str) -> str:
    """A server that has nothing but ``location``."""
    return f"server {{\n    listen 127.0.0.1:{PORT};\n{location}\n}}\n"


class ChunkedParser:
    """Takes the chunks of HTTP/1.1 off what ``parser`` gets, as browsers do."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._buffer = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        self._buffer += chunk
        shown: list[bytes] = []
        while (found := CHUNK.match(self._buffer)) is not None:
            end = found.end() + int(found[1], 16)
            if len(self._buffer) < end + 2:
                break
            shown += self._parser.feed(self._buffer[found.end() : end])
            self._buffer = self._buffer[end + 2 :]
        return shown


def body_parser(viewer: Callable[[str], Parser], head: Head) -> Parser:
    """A ``viewer`` of the body that follows ``head``."""
    parser = viewer(head.content_type)
    is_chunked = head.headers.get("Transfer-Encoding") == "chunked"
    return ChunkedParser(parser) if is_chunked else parser


@asynccontextmanager
async def running(folder: Path, servers: str) -> AsyncIterator[int]:
    """The port of an nginx with ``servers``, where PORT stands for that port."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    port = closed_port()
    file = folder / "nginx.conf"
    # One process, which is whoever runs the tests.
    text = "daemon off;\nmaster_process off;\n" + whole(servers, folder)
    await asyncio.to_thread(file.write_text, text.replace(PORT, str(port)))
    process = await asyncio.create_subprocess_exec(
        *(NGINX, "-p", str(folder), "-c", str(file)),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.defpath},
    )
    try:
        await _listens(port, process)
        yield port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WAIT_S):
            await process.communicate()


async def _listens(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(WAIT_S):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
            else:
                writer.transport.abort()
                return
    assert process.stderr is not None
    raise AssertionError((await process.stderr.read()).decode())
