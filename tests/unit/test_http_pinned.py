# Tests of https cameras whose certificate is pinned.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client for HTTP asks nobody but the one whom it met the first time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera.sources import Host
from moonraker_prusacam.errors import SourceRefused
from tests.support.bambu import first_context, printer_context
from tests.support.sources import Received, source_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.camera.sources import Source

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def served(
    context: ssl.SSLContext, port: int = 0
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that forbids all; its port, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if request := await reader.read(4096):
                asked.append(request)
                writer.write(FORBIDDEN)
                await writer.drain()
                await reader.read()
        except OSError:
            pass
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("kind", ["https", "snapshot+https"])
async def test_run_when_the_certificate_has_changed_then_nothing_is_asked(
    tmp_path: Path, kind: str
) -> None:
    def source(port: int) -> Source:
        url = f"{kind}://127.0.0.1:{port}/video?password=s3cret"
        return source_of(url, Host(tmp_path), certificate="pin")

    async with served(first_context()) as (port, asked):
        for _ in range(2):
            with pytest.raises(SourceRefused, match="403"):
                await source(port).run(Received())
        assert len(asked) == 2
    async with served(printer_context(), port) as (port, asked):
        with pytest.raises(SourceRefused, match="another certificate") as caught:
            await source(port).run(Received())
    assert "prusacam camera trust bed" in caught.value.advice
    assert not asked
