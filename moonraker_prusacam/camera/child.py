# A child process that a camera's bytes come from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that is started here outlives the engine, whatever ends that.

The command and all that it starts are one process group, in a session of its own. With
it lives a shell that reads a pipe whose other end only the engine has: when the engine
is gone, however it went, the shell finds the end of the pipe and kills the group.
PR_SET_PDEATHSIG would reach the command only, and come when the *thread* that started
it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Self, cast

from moonraker_prusacam.errors import SourceRefused, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

log = logging.getLogger(__name__)

TERMINATE_TIMEOUT_S = 2.0
# After SIGKILL only a process that hangs in a driver takes longer.
KILL_TIMEOUT_S = 5.0
# A child that has closed its output may end by itself, so that it can say why.
LEAVE_TIMEOUT_S = 1.0
PIPE_BYTES = 64 << 10
STDERR_TAIL_BYTES = 16 << 10
# Between two reads of stderr: a flood takes a little of the event loop, not all of it.
STDERR_REST_S = 0.02
# Klipper gets three times as much of a processor where both want all of it.
NICE = 5
# When memory is short, the kernel ends this rather than Klipper.
OOM_SCORE_ADJ = 500

# A kernel that groups by sessions (autogroup: Debian, Raspberry Pi OS) compares the
# niceness of processes within a session only; between two sessions that of the group
# counts. The kernel takes one such change in a tenth of a second, whoever asks. The
# shell that watches ignores what the group is asked to end with, since it guards those
# that ignore it, too.
SUPERVISED = f"""
exec 3<&0 </dev/null
{{ echo {OOM_SCORE_ADJ} >/proc/self/oom_score_adj; }} 2>/dev/null
(
  trap "" HUP INT TERM
  for _ in 1 2 3 4 5 6 7 8; do
    [ -e /proc/self/autogroup ] || break
    {{ echo {NICE} >/proc/self/autogroup; }} 2>/dev/null && break
    sleep 0.2
  done
  read -r _ <&3
  kill -KILL 0
) >/dev/null &
exec nice -n {NICE} "$@" 3<&-
"""


@asynccontextmanager
async def running(command: Sequence[str]) -> AsyncIterator[Child]:
    """A child that runs in this block, and has ended after it; raises SourceError."""
    child = await Child.start(command)
    try:
        yield child
    finally:
        await child.end()


class Child:
    """A command with all its children; ``name`` is what people call the program."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self._process = process
        self._over = asyncio.Event()
        self._stderr = _Tail(cast("IO[bytes]", process.stderr))
        self._pidfd = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._ended)

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start ``command``, which has to be ended; raises SourceError."""
        program = await asyncio.to_thread(_find, command[0])
        # From here on nothing waits, so nothing can be cancelled before it is owned.
        name = command[0].rpartition("/")[2]
        return cls(name, _start(name, [program, *command[1:]]))

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative after a signal."""
        return self._process.returncode

    @property
    def pid(self) -> int:
        """The command's process, and its group."""
        return self._process.pid

    @property
    def stderr(self) -> str:
        """The end of what it complained about."""
        return self._stderr.octets.decode(errors="replace")

    def take_output(self) -> int:
        """The descriptor of its output, which is the caller's to close."""
        with cast("IO[bytes]", self._process.stdout) as output:
            return os.dup(output.fileno())

    async def left(self) -> None:
        """Give a child that has closed its output the time to end by itself."""
        await _wait(self._over, LEAVE_TIMEOUT_S)

    async def end(self) -> None:
        """Terminate, wait, kill: command and children have ended then. Idempotent.

        Only what hangs in a driver is left to itself, which is logged.
        """
        if self._pidfd < 0:
            return
        try:
            if not self._over.is_set():
                self._send(signal.SIGTERM)
                await _wait(self._over, TERMINATE_TIMEOUT_S)
        finally:
            # Before the command is reaped, its id is not given to others.
            self._send(signal.SIGKILL)
            try:
                await _wait(self._over, KILL_TIMEOUT_S)
                # Whoever it started had the same stderr, and the shell that watches.
                await _wait(self._stderr.over, LEAVE_TIMEOUT_S)
            finally:
                self._release()

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._over.set()

    def _send(self, sign: signal.Signals) -> None:
        # Gone, or somebody else's by sudo.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, sign)

    def _release(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._stderr.close()
        for pipe in (self._process.stdin, self._process.stdout):
            cast("IO[bytes]", pipe).close()
        if self._process.poll() is None:
            log.error("%s (process %d) does not end", self.name, self.pid)


class _Tail:
    """Reads a pipe to its end, keeps the end of what it read, and owns the pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.octets = b""
        self.over = asyncio.Event()
        self._pipe = pipe
        self._loop = asyncio.get_running_loop()
        self._rest: asyncio.TimerHandle | None = None
        os.set_blocking(pipe.fileno(), False)
        self._listen()

    def close(self) -> None:
        """Let go of the pipe. Idempotent."""
        self.over.set()
        if self._rest is not None:
            self._rest.cancel()
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe)
            self._pipe.close()

    def _listen(self) -> None:
        self._loop.add_reader(self._pipe, self._read)

    def _read(self) -> None:
        octets = os.read(self._pipe.fileno(), PIPE_BYTES)
        if not octets:
            self.close()
            return
        self.octets = (self.octets + octets)[-STDERR_TAIL_BYTES:]
        self._loop.remove_reader(self._pipe)
        self._rest = self._loop.call_later(STDERR_REST_S, self._listen)


def _start(name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", SUPERVISED, "sh", *command],
            bufsize=0,
            stdin=subprocess.PIPE,  # nobody but us has its other end
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        raise SourceUnavailable(
            f"{name} cannot be started: {error.strerror}",
            advice="the host may be short of memory, or of processes",
        ) from error


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()


def _find(program: str) -> str:
    """The file of ``program``; raises SourceError."""
    if found := shutil.which(program):
        return found
    if os.path.exists(program) and "/" in program:  # noqa: PTH110 - not a Path yet
        raise SourceRefused(
            f"{program} may not be executed", advice=f"chmod +x {program}"
        )
    raise SourceUnavailable(
        f"there is no program {program}", advice="install it, or write its whole path"
    )
