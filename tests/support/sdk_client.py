# The official printer SDK as a client of the scenario.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steers ``tests.support.sdk_host`` through its pipes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import jpeg
from tests.support.printer_scenario import in_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REPOSITORY = Path(__file__).parents[2]
PICTURE = jpeg.picture(64, 48)


class SdkClient:
    """The process, and the folder of its files."""

    storage = "/local"
    never: frozenset[str] = frozenset()

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    async def register(self) -> None:
        """See PrinterClient."""
        await self.do("register")

    async def registered(self) -> None:
        """See PrinterClient."""
        assert await self._ask("have_token")

    async def pulse(self) -> None:
        """See PrinterClient."""
        await self.do("telemetry")

    async def do(self, what: str, **values: Any) -> None:
        """See PrinterClient."""
        await self._ask(what, **values)

    async def put_file(self, name: str, content: str) -> None:
        """See PrinterClient."""
        await asyncio.to_thread((self._folder / name).write_text, content)

    async def words(self) -> dict[str, list[str]]:
        """The names that the SDK knows, by the names of its enumerations."""
        known: dict[str, list[str]] = await self._ask("words")
        return known

    async def _ask(self, what: str, **values: Any) -> Any:
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0] is not None
        assert pipes[1] is not None
        pipes[0].write(json.dumps({"do": what, **values}).encode() + b"\n")
        line = await in_time(pipes[1].readline())
        assert line, f"the SDK's host ended at {what}"
        return json.loads(line)["result"]


@asynccontextmanager
async def sdk_client(server: str, folder: Path) -> AsyncIterator[SdkClient]:
    """A client whose printer has the files in ``folder/files``; it logs beside them."""
    files, picture = folder / "files", folder / "picture.jpg"
    files.mkdir()
    picture.write_bytes(PICTURE)
    with (folder / "sdk.log").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.sdk_host"),
            *(server, str(files), str(picture)),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield SdkClient(process, files)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
