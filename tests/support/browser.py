# A real browser for tests: headless Chromium over the DevTools protocol.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens pages, waits for what JavaScript can see, takes screenshots."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from types import TracebackType

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
START_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 15.0
END_TIMEOUT_S = 5.0
LOOK_INTERVAL_MS = 40
LISTENING = re.compile(rb"DevTools listening on (ws://\S+)")


def find_chromium() -> str | None:
    """The path of a Chromium, None when there is none on PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class BrowserError(Exception):
    """The browser did not start, or refused a call."""


class Browser:
    """One Chromium process with an empty profile in ``folder``."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._stack = AsyncExitStack()
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def open(self, url: str, width: int = 1280, height: int = 800) -> Page:
        """A new page of this size in CSS pixels."""
        target = await self.call("Target.createTarget", {"url": "about:blank"})
        attach = {"targetId": target["targetId"], "flatten": True}
        session = await self.call("Target.attachToTarget", attach)
        page = Page(self, session["sessionId"])
        await page.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        answer = await page.call("Page.navigate", {"url": url})
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        return page

    async def call(
        self, method: str, params: dict[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        """Call a method of the DevTools protocol; raises BrowserError."""
        assert self._socket is not None
        number = next(self._numbers)
        call: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            call["sessionId"] = session
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self._socket.send_json(call)
            async with asyncio.timeout(CALL_TIMEOUT_S):
                reply: dict[str, Any] = await answer
        finally:
            del self._answers[number]
        if "error" in reply:
            raise BrowserError(f"{method}: {reply['error']['message']}")
        result: dict[str, Any] = reply["result"]
        return result

    async def _start(self) -> None:
        process = await asyncio.create_subprocess_exec(
            self._program,
            *FLAGS,
            f"--user-data-dir={self._folder}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._stack.push_async_callback(_end, process)
        assert process.stderr is not None
        async with asyncio.timeout(START_TIMEOUT_S):
            while (found := LISTENING.search(await process.stderr.readline())) is None:
                if process.stderr.at_eof():
                    raise BrowserError("the browser ended before it listened")
        self._own(_drain(process.stderr))
        client = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._socket = await client.ws_connect(found[1].decode(), max_msg_size=0)
        self._stack.push_async_callback(self._socket.close)
        self._own(self._receive(self._socket))
        self._stack.push_async_callback(self._ask_to_close)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def _receive(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in websocket:
            reply = json.loads(message.data)
            answer = self._answers.get(reply.get("id"))
            if answer is not None and not answer.done():
                answer.set_result(reply)
        for answer in self._answers.values():
            answer.cancel()

    async def _ask_to_close(self) -> None:
        with suppress(BrowserError, ConnectionError, TimeoutError):
            await self.call("Browser.close", {})


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    async def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call a method of the DevTools protocol on this page."""
        return await self._browser.call(method, params, self._session)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = await self.call(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True},
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def until(self, condition: str) -> Any:
        """Wait until a JavaScript expression is true; its value."""
        return await self.evaluate(
            "new Promise((resolve) => {"
            f"  const look = () => {{ const value = ({condition});"
            f"    value ? resolve(value) : setTimeout(look, {LOOK_INTERVAL_MS}); }};"
            "  look();"
            "})"
        )

    async def screenshot(self) -> bytes:
        """What the page looks like, as PNG."""
        answer = await self.call("Page.captureScreenshot", {"format": "png"})
        return base64.b64decode(answer["data"])


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(4096):
        pass


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for the browser's end, and hasten it; its helpers share its session."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_TIMEOUT_S):
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
