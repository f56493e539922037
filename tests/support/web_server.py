# A web server that answers as a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One answer, as bytes, to every request; with or without TLS."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

WAIT_S = 10.0


@asynccontextmanager
async def answering(
    *answers: bytes, context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port of a server that gives ``answers`` in turn, the last one for ever.

    An empty answer is none: the connection stays open until the client leaves.
    """
    left = list(answers)
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            with contextlib.suppress(OSError):
                await reader.read(65536)  # a request comes at once, whole
                answer = left.pop(0) if len(left) > 1 else left[0]
                if not answer:
                    await reader.read()
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if handlers:
            await asyncio.wait(handlers, timeout=WAIT_S)


def answer(status: int, kind: str, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer that says how long it is; ``_`` stands for ``-`` in headers."""
    fields = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Some Reason\r\n{head}\r\n".encode() + body
