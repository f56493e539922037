# Real Moonraker, started for a test.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Moonraker of its own for each test: own data folder, own port, own process group.

What a test waits for is what Moonraker says: its log line at the start, its
notifications after that.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from types import TracebackType

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
WAIT_S = 20.0
CONNECT_RETRY_S = 0.02
CONNECT_ATTEMPTS = 100

STARTED = "Starting Moonraker on"

CONFIG = """\
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {klippy_socket}
[authorization]
trusted_clients:
  127.0.0.1
[file_manager]
enable_object_processing: False
queue_gcode_uploads: False
[machine]
provider: none
validate_service: False
validate_config: False
"""

# Started this way, Moonraker also finds components in a folder of ours.
EXTRA_COMPONENTS = (
    "import sys, moonraker.components as c; c.__path__.append(sys.argv.pop(1)); "
    "from moonraker.server import main; main()"
)

JsonObject = dict[str, Any]


class MoonrakerError(Exception):
    """Moonraker did not start, did not answer in time, or answered with an error."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class MoonrakerEvents:
    """A websocket: JSON-RPC calls, and the notifications since it was opened."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket
        self._ids = itertools.count(1)
        self._unread: list[JsonObject] = []

    async def call(self, method: str, **params: Any) -> Any:
        """Result of a JSON-RPC call; MoonrakerError if it is an error."""
        call_id = next(self._ids)
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": call_id}
        await self._websocket.send_json(request)
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self._websocket.receive_json()
                if message.get("id") == call_id:
                    break
                self._unread.append(message)
        if "error" in message:
            raise MoonrakerError(str(message["error"]), message["error"].get("code"))
        return message["result"]

    async def wait_for(
        self,
        method: str,
        predicate: Callable[[list[Any]], bool] = lambda _params: True,
        *,
        timeout_s: float = WAIT_S,
    ) -> list[Any]:
        """Params of the next notification that fits; earlier ones are dropped."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = (
                    self._unread.pop(0)
                    if self._unread
                    else await self._websocket.receive_json()
                )
                if message.get("method") == method:
                    params: list[Any] = message.get("params", [])
                    if predicate(params):
                        return params


class MoonrakerProcess:
    """``async with MoonrakerProcess(...)``, or ``start`` and ``aclose``."""

    def __init__(
        self,
        python: Path,
        data_path: Path,
        klippy_socket: Path,
        *,
        config: str = "",
        extra_components: Path | None = None,
    ) -> None:
        """``config`` is added to moonraker.conf; ``data_path`` need not exist."""
        self.data_path = data_path
        self.gcodes_path = data_path / "gcodes"
        self._python = python
        self._extra_components = extra_components
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._tasks = TaskOwner("moonraker process")
        self._started = asyncio.Event()
        self._log: list[str] = []
        for name in ("config", "gcodes", "logs", "comms"):
            (data_path / name).mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(port=self.port, klippy_socket=klippy_socket) + config
        (data_path / "config" / "moonraker.conf").write_text(text, encoding="utf-8")

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            # pytest shows what a failed test printed.
            print(self.log_text)
        await self.aclose()

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_text(self) -> str:
        """Everything that Moonraker logged so far."""
        return "".join(self._log)

    async def start(self) -> None:
        """Return when Moonraker answers; MoonrakerError if it does not."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        self._started.clear()
        arguments = ["-m", "moonraker"]
        if self._extra_components is not None:
            arguments = ["-c", EXTRA_COMPONENTS, str(self._extra_components)]
        self._process = await asyncio.create_subprocess_exec(
            self._python,
            *arguments,
            "-d",
            self.data_path,
            "-n",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._tasks.start("log", self._read_log(self._process))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._started.wait()
        except TimeoutError as error:
            raise MoonrakerError(f"no start\n{self.log_text}") from error
        if self._process.returncode is not None:
            raise MoonrakerError(f"ended at the start\n{self.log_text}")
        await self._first_answer()

    async def _first_answer(self) -> None:
        # The log line is written by a thread, so the port may open a little later.
        for attempt in range(CONNECT_ATTEMPTS):
            try:
                await self.request("GET", "/server/info")
            except aiohttp.ClientConnectorError:
                if attempt == CONNECT_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(CONNECT_RETRY_S)
            else:
                return

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        async for line in process.stdout:
            text = line.decode(errors="replace")
            self._log.append(text)
            if STARTED in text:
                self._started.set()
        await process.wait()
        self._started.set()

    async def request(self, method: str, path: str, **json: Any) -> Any:
        """``result`` of an HTTP request; keyword arguments are the JSON body.

        Raises MoonrakerError with ``status`` for every answer but 2xx.
        """
        if self._session is None:
            raise MoonrakerError("not started")
        async with (
            asyncio.timeout(WAIT_S),
            self._session.request(
                method, self.url + path, json=json or None
            ) as response,
        ):
            data = await response.json(content_type=None)
            if not response.ok:
                raise MoonrakerError(str(data), response.status)
        return data["result"]

    @contextlib.asynccontextmanager
    async def events(self) -> AsyncIterator[MoonrakerEvents]:
        """Open a websocket."""
        if self._session is None:
            raise MoonrakerError("not started")
        async with self._session.ws_connect(f"{self.url}/websocket") as websocket:
            yield MoonrakerEvents(websocket)

    async def wait_klippy_ready(self) -> None:
        """Return when Moonraker says that Klippy is ready."""
        async with self.events() as events:
            info = await events.call("server.info")
            if info["klippy_state"] != "ready":
                await events.wait_for("notify_klippy_ready")

    async def restart(self) -> None:
        """End the process as systemd does, and start it again."""
        await self._stop(signal.SIGTERM)
        await self.start()

    async def kill(self) -> None:
        """End the process at once."""
        await self._stop(signal.SIGKILL)

    async def _stop(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for step in (number, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, step)
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                continue
            return

    async def aclose(self) -> None:
        """End everything. Idempotent."""
        await self._stop(signal.SIGTERM)
        await self._tasks.aclose()
        if self._session is not None:
            await self._session.close()
            self._session = None


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
