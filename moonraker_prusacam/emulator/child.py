# Child processes of the demo and the tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process with a log file, that ends with its owner."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from typing import TYPE_CHECKING, BinaryIO

from moonraker_prusacam.errors import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TERMINATE_TIMEOUT_S = 15.0
TAIL_BYTES = 6000


class ChildProcess:
    """Runs ``command`` with its output in the file ``log``."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._env = {**os.environ, **(env or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._output: BinaryIO | None = None
        self._is_wanted = False

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def start(self) -> None:
        """Start the process; raises EmulatorError when it cannot be run."""
        self._close_log()
        self._is_wanted = True
        wrap = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        self._output = self.log.open("ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                *wrap,
                *self._command,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )
        except OSError as error:
            raise EmulatorError(f"{self.name} cannot be started: {error}") from error

    def check(self) -> None:
        """Raise EmulatorError with the end of the log if it has ended by itself."""
        process = self._process
        if self._is_wanted and process and process.returncode is not None:
            raise EmulatorError(
                f"{self.name} ended with status {process.returncode}; "
                f"the end of its log:\n{self.tail()}"
            )

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")

    async def kill(self) -> None:
        """SIGKILL, as a crash or the kernel's memory killer would."""
        await self._end(signal.SIGKILL)

    async def aclose(self) -> None:
        """Terminate, and kill what does not end. Idempotent."""
        try:
            async with asyncio.timeout(TERMINATE_TIMEOUT_S):
                await self._end(signal.SIGTERM)
        except TimeoutError:
            await self._end(signal.SIGKILL)
        self._close_log()

    def _close_log(self) -> None:
        if self._output is not None:
            self._output.close()

    async def _end(self, sign: signal.Signals) -> None:
        self._is_wanted = False
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sign)
        await process.wait()
