# One JSON-RPC connection to the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Framing, pending requests and limits of one connection to the engine.

Nothing here waits for the peer while it sends: a peer that does not read is
disconnected when the outgoing buffer is full, one that does not answer costs each
request its timeout, and one that sends nonsense is told about in the log, once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from .errors import EngineAbsent, EngineBusy, EngineError, EngineTimeout, UnfitRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 1 << 20
MAX_REPLY_BYTES = 8 << 20
MAX_OUTGOING_BYTES = 2 << 20
MAX_PENDING = 64

METHOD_NOT_FOUND = -32601
SERVER_ERROR = -32000

DEFAULT_ERROR_STATUS = 500
"""HTTP status of an engine's error that brings none."""


class EngineConnection:
    """One connection, from ``connect`` to its first fault; ``run`` reads it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_notification: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_notification = on_notification
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._ended: str | None = None
        self._complained = False

    @classmethod
    async def connect(
        cls, path: str, on_notification: Callable[[str, dict[str, Any]], None]
    ) -> EngineConnection:
        """Connect to the Unix socket ``path``; raises OSError."""
        reader, writer = await asyncio.open_unix_connection(path, limit=MAX_REPLY_BYTES)
        return cls(reader, writer, on_notification)

    async def run(self) -> NoReturn:
        """Take in messages until the connection ends; then raise EngineAbsent."""
        try:
            while True:
                self._receive(await self._reader.readuntil(b"\n"))
                # A backlog of lines must not keep Moonraker's loop to itself.
                await asyncio.sleep(0)
        except asyncio.IncompleteReadError:
            self.abort("it closed the connection")
        except asyncio.LimitOverrunError:
            self.abort(f"it sent a line of more than {MAX_REPLY_BYTES >> 20} MiB")
        except OSError as error:
            self.abort(f"the connection broke: {error.strerror or error}")
        finally:
            self.abort("the connection was closed")
        raise EngineAbsent(f"The camera engine was lost: {self._ended}")

    def abort(self, reason: str) -> None:
        """Close at once and fail what is pending; only the first reason counts."""
        if self._ended is not None:
            return
        self._ended = reason
        self._writer.transport.abort()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(
                    EngineAbsent(
                        f"The camera engine was lost during the call: {reason}"
                    )
                )

    def request(
        self, method: str, params: dict[str, Any], timeout_s: float
    ) -> asyncio.Future[Any]:
        """Send a request; the future gets its result or a LinkError.

        Raises EngineBusy, UnfitRequest or EngineAbsent at once.
        """
        if len(self._pending) >= MAX_PENDING:
            raise EngineBusy("The camera engine is busy: too many calls wait for it")
        self._last_id += 1
        identity = self._last_id
        self._send({"id": identity, "method": method, "params": params})
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(timeout_s, _expire, future, method, timeout_s)
        self._pending[identity] = future

        def forget(_: asyncio.Future[Any]) -> None:
            timer.cancel()
            self._pending.pop(identity, None)

        future.add_done_callback(forget)
        return future

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification; raises UnfitRequest or EngineAbsent."""
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        if self._ended is not None:
            raise EngineAbsent(f"The camera engine was lost: {self._ended}")
        try:
            text = json.dumps({"jsonrpc": "2.0", **message}, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise UnfitRequest(f"The arguments are not JSON: {error}") from None
        line = text.encode() + b"\n"
        if len(line) > MAX_REQUEST_BYTES:
            raise UnfitRequest(
                f"The arguments are too long ({len(line)} bytes of {MAX_REQUEST_BYTES})"
            )
        waiting_bytes = self._writer.transport.get_write_buffer_size()
        if waiting_bytes + len(line) > MAX_OUTGOING_BYTES:
            self.abort("it does not read what it is sent")
            raise EngineAbsent(f"The camera engine was lost: {self._ended}")
        self._writer.write(line)

    def _receive(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._complain("a line that is not JSON")
            return
        if not isinstance(message, dict):
            self._complain("a message that is not an object")
        elif "method" in message:
            self._receive_call(message)
        else:
            self._receive_reply(message)

    def _receive_call(self, message: dict[str, Any]) -> None:
        method, params = message["method"], message.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict):
            self._complain("a malformed notification")
        elif "id" in message:
            error = {"code": METHOD_NOT_FOUND, "message": "No such method"}
            self._send({"id": message["id"], "error": error})
        else:
            self._on_notification(method, params)

    def _receive_reply(self, message: dict[str, Any]) -> None:
        identity = message.get("id")
        if not isinstance(identity, int):
            self._complain(f"an answer to no request: {message.get('error')}")
            return
        future = self._pending.get(identity)
        if future is None or future.done():
            return  # too late: its caller was told about the timeout
        if "error" in message:
            future.set_exception(_engine_error(message["error"]))
        elif "result" in message:
            future.set_result(message["result"])
        else:
            self._complain("an answer without result and error")

    def _complain(self, what: str) -> None:
        level = logging.DEBUG if self._complained else logging.WARNING
        self._complained = True
        log.log(level, "prusacam: the engine sent %.200s", what)


def _expire(future: asyncio.Future[Any], method: str, timeout_s: float) -> None:
    if not future.done():
        future.set_exception(
            EngineTimeout(
                f"The camera engine did not answer {method} within {timeout_s:g} s"
            )
        )


def _engine_error(error: object) -> EngineError:
    """The exception for a JSON-RPC error object, however little of it is sound."""
    fields = error if isinstance(error, dict) else {}
    code, message, data = (fields.get(key) for key in ("code", "message", "data"))
    status = data.get("http_status") if isinstance(data, dict) else None
    return EngineError(
        message
        if isinstance(message, str) and message
        else "The engine gave no reason",
        code=code if isinstance(code, int) else SERVER_ERROR,
        http_status=(
            status
            if isinstance(status, int) and 400 <= status <= 599
            else DEFAULT_ERROR_STATUS
        ),
    )
