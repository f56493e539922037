# Processes that the benchmarks start, and what they cost.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that ends with its owner, read line by line; its CPU time and memory."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

REPOSITORY = Path(__file__).parents[2]
TERMINATE_TIMEOUT_S = 10.0
# A minute of stalled viewers says nothing for this long.
LINE_TIMEOUT_S = 30.0
READ_BYTES = 1 << 20
LOG_TAIL_BYTES = 2000


class ChildFailed(Exception):
    """A process ended, or said nothing for too long."""


class Child:
    """Runs ``command``; its standard error goes to ``log``."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._log = log
        self._received = b""
        wrap = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*wrap, *map(str, command)],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Terminate the process, kill it if it does not end. Idempotent."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(TERMINATE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def check(self) -> None:
        """Raise ChildFailed if the process has ended."""
        if self._process.poll() is not None:
            raise ChildFailed(f"{self._log.stem} ended: {self._log_tail()}")

    def signal(self, sign: int) -> None:
        """Send a signal."""
        self._process.send_signal(sign)

    def read_line(self, timeout_s: float = LINE_TIMEOUT_S) -> str:
        """The next line of standard output; raises ChildFailed when none comes."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        until = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            left_s = until - time.monotonic()
            if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
                raise ChildFailed(f"{self._log.stem} said nothing for {timeout_s:g} s")
            chunk = os.read(descriptor, READ_BYTES)
            if not chunk:
                raise ChildFailed(f"{self._log.stem} ended: {self._log_tail()}")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line.decode()

    def read_json(self) -> Any:
        """The next line of standard output, parsed."""
        return json.loads(self.read_line())

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-LOG_TAIL_BYTES:].strip()


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process since they began, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # the thread has just ended
            total += int((task / "schedstat").read_text().split()[0])
    return total


@attrs.frozen
class Memory:
    """Proportional and resident memory of a process."""

    pss_bytes: int
    rss_bytes: int


def memory_of(pid: int) -> Memory:
    """Of /proc/PID/smaps_rollup (proc(5)); dearer than ``memory_bytes``."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size_kib, _ = line.split()
        sizes[name] = int(size_kib) << 10
    return Memory(sizes["Pss:"], sizes["Rss:"])


def memory_bytes(pid: int) -> int:
    """Resident memory of a process."""
    resident_pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE")


def socket_count(pid: int) -> int:
    """How many sockets a process has open."""
    count = 0
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            count += str(Path(entry.path).readlink()).startswith("socket:")
    return count
