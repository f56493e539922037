# One connection of the control socket, from either end.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests, replies and notifications in both directions over one stream.

Requests run side by side, at most MAX_RUNNING of them. Notifications are handled one
after the other in the order of their arrival, so their handlers must be quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import (
    ClosedError,
    EngineUnavailable,
    PrusacamError,
    RpcError,
)
from moonraker_prusacam.tasks import TaskOwner

from . import protocol
from .protocol import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handler = Callable[[dict[str, Any]], Awaitable[Any]]

log = logging.getLogger(__name__)

MAX_RUNNING = 32
MAX_UNSENT_BYTES = 16 << 20
CALL_TIMEOUT_S = 10.0


class Peer:
    """A connected peer; ``run`` serves it until it leaves."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        methods: Mapping[str, Handler],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._methods = methods
        self._ids = itertools.count(1)
        self._pending: dict[protocol.RequestId, asyncio.Future[Any]] = {}
        self._tasks = TaskOwner("control")
        self._closed = False

    async def run(self) -> None:
        """Serve until the peer closes; the connection is closed afterwards."""
        try:
            while (line := await self._read_line()) is not None and not self._closed:
                if line.strip():
                    await self._handle(line)
                # Requests begin in the order of their lines, before what follows
                # them; and a flood of lines leaves room for others.
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer left, with or without saying so
        finally:
            await self.aclose()

    async def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Any:
        """The result of ``method``; raises RpcError, ControlError or TimeoutError."""
        if self._closed:
            raise ClosedError("the control connection is closed")
        identity = next(self._ids)
        future = asyncio.get_running_loop().create_future()
        self._pending[identity] = future
        try:
            self._send(Call(method, params or {}, identity))
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            self._pending.pop(identity, None)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification; a peer that no longer reads is disconnected."""
        if not self._closed:
            self._send(Call(method, params))

    async def aclose(self) -> None:
        """Close the connection and fail what waits for an answer. Idempotent."""
        self._closed = True
        self._writer.close()
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()  # who does not read now is not waited for
        for future in self._pending.values():
            if not future.done():
                future.set_exception(EngineUnavailable("the connection was closed"))
        await self._tasks.aclose()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read_line(self) -> bytes | None:
        """The next line, None at the end; an oversized line is skipped and refused."""
        skipped = False
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as overrun:
                await self._reader.readexactly(overrun.consumed)
                skipped = True
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    log.debug("The peer left in the middle of a line")
                return None
            else:
                if not skipped:
                    return line
                skipped = False
                refusal = RpcError(
                    protocol.INVALID_REQUEST, "the line is too long", http_status=413
                )
                self._send(Reply(None, error=refusal))

    async def _handle(self, line: bytes) -> None:
        try:
            message = protocol.decode(line)
        except RpcError as error:
            self._send(Reply(None, error=error))
            return
        if isinstance(message, Reply):
            self._settle(message)
        elif message.id is None:
            # What one end does not care for is no fault of the other.
            if message.method in self._methods:
                await self._answer(message)
        elif len(self._tasks) >= MAX_RUNNING:
            busy = RpcError(protocol.BUSY, "too many requests at once", http_status=503)
            self._send(Reply(message.id, error=busy))
        else:
            self._tasks.start(message.method, self._answer(message))

    def _settle(self, reply: Reply) -> None:
        future = self._pending.get(reply.id) if reply.id is not None else None
        if future is None or future.done():
            return  # an answer that nobody waits for any more
        if reply.error is not None:
            future.set_exception(reply.error)
        else:
            future.set_result(reply.result)

    async def _answer(self, call: Call) -> None:
        try:
            handler = self._methods.get(call.method)
            if handler is None:
                raise RpcError(
                    protocol.METHOD_NOT_FOUND,
                    f"there is no method '{call.method[:80]}'",
                    http_status=404,
                )
            line = protocol.encode(Reply(call.id, result=await handler(call.params)))
        except PrusacamError as error:
            line = self._refusal(call, protocol.as_rpc_error(error))
        except Exception:  # the boundary: a bug must not end the connection
            log.exception("Method %s failed", call.method)
            internal = RpcError(protocol.INTERNAL_ERROR, "internal error; see the log")
            line = self._refusal(call, internal)
        if call.id is not None:
            self._write(line)

    def _refusal(self, call: Call, error: RpcError) -> bytes:
        if call.id is None:
            log.warning("Notification %.80s: %s", call.method, error)
        return protocol.encode(Reply(call.id, error=error))

    def _send(self, message: Call | Reply) -> None:
        self._write(protocol.encode(message))

    def _write(self, line: bytes) -> None:
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("A control peer does not read; disconnecting it")
            transport.abort()
            return
        self._writer.write(line)
