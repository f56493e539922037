# A connection to Moonraker's Unix socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON-RPC 2.0 with an ETX behind each message, both ways.

Whoever may open the socket is trusted by Moonraker, and needs no key. Source:
Moonraker docs/external_api/introduction.md and components/extensions.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any, Self

from moonraker_prusacam.errors import (
    MoonrakerRefused,
    MoonrakerUnavailable,
    PrinterError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Listener = Callable[[str, list[Any]], None]

ETX = b"\x03"
# Moonraker's own limit for what it reads (components/extensions.py); its replies about
# ``configfile`` have some hundred kilobytes.
MAX_MESSAGE_BYTES = 20 << 20
MAX_PENDING_CALLS = 64
MAX_REASON = 400
CONNECT_TIMEOUT_S = 2.0
CALL_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
PING = "server.info"


class MoonrakerConnection:
    """One connection; ``run`` reads it until it ends. Its owner connects again."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        listener: Listener,
    ) -> None:
        """``listener`` is called with name and params of each notification."""
        self._reader = reader
        self._writer = writer
        self._listener = listener
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._end: PrinterError | None = None

    @classmethod
    async def connect(cls, path: Path, listener: Listener) -> Self:
        """Open a connection; raises MoonrakerUnavailable."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                streams = await asyncio.open_unix_connection(
                    path, limit=MAX_MESSAGE_BYTES
                )
        except OSError as error:  # TimeoutError is one
            reason = error.strerror or str(error) or "no answer"
            raise MoonrakerUnavailable(f"no Moonraker at {path}: {reason}") from error
        return cls(*streams, listener)

    async def run(self, silence_s: float) -> None:
        """Read until something ends it, and say what, by raising MoonrakerUnavailable.

        After ``silence_s`` without a word Moonraker is asked for one, once.
        """
        is_asked = False
        try:
            while True:
                message = await self._read_message(silence_s)
                if message is not None:
                    is_asked = False
                    self._dispatch(message)
                elif is_asked:
                    raise MoonrakerUnavailable(
                        f"Moonraker said nothing for {2 * silence_s:g} s"
                    )
                else:
                    is_asked = True
                    self._send(next(self._ids), PING, {})
        except PrinterError as error:
            self._fail_calls(error)
            raise

    async def call(
        self, method: str, params: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> Any:
        """The result of ``method``.

        Raises MoonrakerRefused if Moonraker says no, MoonrakerUnavailable if it says
        nothing in time, and after the end of ``run`` what ended it.
        """
        if self._end is not None:
            raise self._end
        if len(self._replies) >= MAX_PENDING_CALLS:
            raise MoonrakerUnavailable("Moonraker is behind with its answers")
        identity = next(self._ids)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._replies[identity] = reply
        try:
            async with asyncio.timeout(timeout_s):
                self._send(identity, method, params)
                await self._writer.drain()
                return await reply
        except TimeoutError:
            raise MoonrakerUnavailable(
                f"Moonraker did not answer {method} within {timeout_s:g} s"
            ) from None
        except OSError as error:
            raise MoonrakerUnavailable(f"Moonraker went away: {error}") from error
        finally:
            del self._replies[identity]

    async def aclose(self) -> None:
        """Close the connection. Idempotent; ``run`` ends with MoonrakerUnavailable."""
        self._fail_calls(MoonrakerUnavailable("the connection to Moonraker is closed"))
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()

    def _send(self, identity: int, method: str, params: dict[str, Any]) -> None:
        request = {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}
        self._writer.write(json.dumps(request).encode() + ETX)

    async def _read_message(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message; None if there was none in time."""
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._reader.readuntil(ETX)
        except TimeoutError:
            return None
        except asyncio.LimitOverrunError:
            raise MoonrakerUnavailable(
                f"Moonraker sent more than {MAX_MESSAGE_BYTES >> 20} MiB at once"
            ) from None
        except (asyncio.IncompleteReadError, OSError):
            raise MoonrakerUnavailable("Moonraker closed the connection") from None
        try:
            message = json.loads(data[: -len(ETX)])
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise MoonrakerUnavailable(f"Moonraker sent no message: {data[:40]!r}")
        return message

    def _dispatch(self, message: dict[str, Any]) -> None:
        identity, method = message.get("id"), message.get("method")
        if isinstance(method, str):
            params = message.get("params", [])
            if identity is None and isinstance(params, list):
                self._listener(method, params)
            return
        reply = self._replies.get(identity) if isinstance(identity, int) else None
        if reply is None or reply.done():
            return  # nobody waits for it any more
        if "result" in message:
            reply.set_result(message["result"])
        else:
            reply.set_exception(_refusal(message.get("error")))

    def _fail_calls(self, error: PrinterError) -> None:
        self._end = self._end or error
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(error)


def _refusal(error: object) -> MoonrakerRefused:
    """Moonraker's error as one of ours; Klipper's words come as its text."""
    told = error if isinstance(error, dict) else {}
    text, code = told.get("message"), told.get("code")
    if not isinstance(text, str) or not text.strip():
        text = "Moonraker gave no reason"
    return MoonrakerRefused(
        text.strip()[:MAX_REASON], code=code if isinstance(code, int) else 0
    )
