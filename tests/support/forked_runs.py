# Runs that may be killed, each in a process of its own.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process has everything imported, and forks a child for each run.

It talks by lines of JSON: a request, and how its child ended and what that one said.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# A child ends by a signal, or with one of these.
ENDED, STUCK = 0, 3


def serve(child: Callable[[dict[str, Any], int], None]) -> None:
    """Have ``child`` do each request in a fork; what it says goes to a descriptor."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            status = STUCK
            try:
                child(json.loads(line), writing)
                status = ENDED
            finally:
                os._exit(status)
        os.close(writing)
        with os.fdopen(reading) as reports:
            said = reports.read()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps({"status": status, "said": said}) + "\n")
        sys.stdout.flush()


class ForkedRuns:
    """The process of ``module``, which calls ``serve``."""

    def __init__(self, module: str, log: Path, timeout_s: float) -> None:
        self._module = module
        self._log = log
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with await asyncio.to_thread(self._log.open, "wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                limit=1 << 24,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(self._timeout_s):
            assert await self._process.stdout.readline() == b"ready\n"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(self._timeout_s):
            await self._process.wait()

    async def ask(self, request: Mapping[str, Any]) -> tuple[int, str]:
        """How the child of ``request`` ended (as ``waitpid`` tells), and its words."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(2 * self._timeout_s):
            reply = json.loads(await self._process.stdout.readline())
        return reply["status"], reply["said"]
