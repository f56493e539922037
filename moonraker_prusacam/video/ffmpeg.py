# Runs ffmpeg, and accounts for what it took.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ffmpeg as the least important process of the host.

It runs at the lowest CPU and I/O priority, is the first that the kernel ends when
memory is short, may take a bounded amount of it, dies with the engine, and stands still
while ``pause`` asks for it: whatever happens to a video, the print goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Self

import attrs

from moonraker_prusacam.errors import RenderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

COUNT_TIMEOUT_S = 300.0
FEATURES_TIMEOUT_S = 30.0
TERMINATE_TIMEOUT_S = 5.0
OUTPUT_BYTES = 1 << 20
STDERR_TAIL_BYTES = 4096
MEMORY_LIMIT_BYTES = 400 << 20
# What ffmpeg says of itself where a release would have a number: a development build.
NEWEST_VERSION = (99, 0)


@attrs.frozen
class Usage:
    """What runs of ffmpeg took; ``peak_bytes`` is the largest resident set of one."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.wall_s + other.wall_s,
            self.cpu_s + other.cpu_s,
            max(self.peak_bytes, other.peak_bytes),
        )


@attrs.frozen
class Completed:
    """A run of ffmpeg that ended with status 0; outputs are cut to their ends."""

    stdout: str
    stderr: str
    usage: Usage


@attrs.frozen
class Features:
    """What a build of ffmpeg is able to do."""

    version: tuple[int, int]
    filters: frozenset[str]
    encoders: frozenset[str]


class FFmpeg:
    """One ffmpeg program, and the processes that run it.

    ``scratch`` is where the folders that it works in are made: what a kill leaves
    there is its owner's to remove. None is the system's folder for that.
    """

    def __init__(self, program: str, scratch: Path | None = None) -> None:
        self.program = program
        self.scratch = scratch
        self._children: set[_Child] = set()
        self._moving = asyncio.Event()
        self._moving.set()
        self._features: Features | None = None

    def pause(self) -> None:
        """Stop what runs, and start nothing; time stands still for its timeouts."""
        self._moving.clear()
        for child in self._children:
            child.pause()

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._moving.set()
        for child in self._children:
            child.resume()

    async def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        folder: Path | None = None,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> Completed:
        """Run ffmpeg in ``folder``; raises RenderError unless it ends with status 0.

        Cancelled or too slow, it has ended when this returns.
        """
        command = await asyncio.to_thread(_least_important, memory_limit_bytes)
        command += [self.program, "-hide_banner", "-nostdin", "-nostats", "-y"]
        command += ["-loglevel", "error", *arguments]
        await self._moving.wait()
        with _Child.start(command, folder) as child:
            self._children.add(child)
            try:
                usage = await child.wait(timeout_s)
                stdout, stderr = child.stdout(), child.stderr()
            finally:
                await child.end()
                self._children.discard(child)
        if child.returncode != 0:
            # The first line is the cause, the last one that there was one.
            cause = stderr.splitlines()[0] if stderr else "it said nothing"
            raise RenderError(
                f"ffmpeg failed with status {child.returncode}: {cause}",
                returncode=child.returncode,
                stderr_tail=stderr,
            )
        return Completed(stdout, stderr, usage)

    async def count(self, video: Path) -> int:
        """How many frames the container of ``video`` holds."""
        return await self._count(video, "-c", "copy")

    async def count_decoded(self, video: Path) -> int:
        """How many frames of ``video`` can really be decoded; slow."""
        return await self._count(video, "-fps_mode", "passthrough")

    async def _count(self, video: Path, *output: str) -> int:
        arguments = ["-i", file_url(video), "-map", "0:v:0", *output]
        arguments += ["-f", "null", "-progress", "pipe:1", "-"]
        return frames_told(
            (await self.run(arguments, timeout_s=COUNT_TIMEOUT_S)).stdout
        )

    async def features(self) -> Features:
        """Version, filters and encoders of this build; asked for once."""
        if self._features is None:
            said = [
                (await self.run([question], timeout_s=FEATURES_TIMEOUT_S)).stdout
                for question in ("-version", "-filters", "-encoders")
            ]
            self._features = Features(
                _version(said[0]), _second_words(said[1]), _second_words(said[2])
            )
        return self._features


def file_url(path: Path) -> str:
    """``path`` so that ffmpeg takes it for a file, whatever is in its name."""
    return f"file:{path.absolute()}"


def frames_told(progress: str) -> int:
    """The number of frames in what ``-progress`` wrote; raises RenderError."""
    counts = re.findall(r"^frame=\s*(\d+)\s*$", progress, re.MULTILINE)
    if not counts:
        raise RenderError("ffmpeg did not count the frames")
    return int(counts[-1])


def _version(said: str) -> tuple[int, int]:
    found = re.match(r"ffmpeg version n?(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else NEWEST_VERSION


def _second_words(table: str) -> frozenset[str]:
    rows = (line.split() for line in table.splitlines())
    return frozenset(words[1] for words in rows if len(words) > 1)


def _least_important(memory_limit_bytes: int) -> list[str]:
    """Commands that each start the next one; those the host lacks are left out.

    The limit is on data, not on address space: there, a build with shared libraries
    takes hundreds of MiB before it has done anything.
    """
    wraps = (
        ("setpriv", "--pdeathsig", "KILL"),
        ("chrt", "--idle", "0"),
        ("ionice", "-c", "3"),
        ("nice", "-n", "19"),
        ("choom", "-n", "800", "--"),
        ("prlimit", f"--data={memory_limit_bytes}"),
    )
    return [part for wrap in wraps if shutil.which(wrap[0]) for part in wrap]


class _Child:
    """One process, its timeout and its outputs, which stay in memory.

    It is waited for by wait4(2), because only that tells what the process took.
    """

    def __init__(self, process: subprocess.Popen[bytes], outputs: tuple[int, int]):
        self._process = process
        self._outputs = outputs
        self._began_s = time.monotonic()
        self._left_s = 0.0
        self._deadline: asyncio.Timeout | None = None
        self._usage: Usage | None = None

    @classmethod
    @contextlib.contextmanager
    def start(cls, command: Sequence[str], folder: Path | None) -> Iterator[Self]:
        """Start ``command`` in its own session; raises RenderError."""
        with _memory_file() as out, _memory_file() as err:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=os.environ | {"LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"},
                    start_new_session=True,
                )
            except OSError as error:
                raise RenderError(f"{command[0]}: {error.strerror}") from error
            yield cls(process, (out, err))

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative after a signal."""
        return self._process.returncode

    def stdout(self) -> str:
        """The end of what it wrote."""
        return _tail(self._outputs[0], OUTPUT_BYTES)

    def stderr(self) -> str:
        """The end of what it complained about."""
        return _tail(self._outputs[1], STDERR_TAIL_BYTES).strip()

    async def wait(self, timeout_s: float) -> Usage:
        """Wait for its end; raises RenderError after ``timeout_s``, pauses apart."""
        try:
            async with asyncio.timeout(timeout_s) as self._deadline:
                return await self._ended()
        except TimeoutError:
            raise RenderError(f"ffmpeg took longer than {timeout_s:.0f} s") from None
        finally:
            self._deadline = None

    def pause(self) -> None:
        """Stop it."""
        if self._deadline is not None and (when := self._deadline.when()) is not None:
            self._left_s = when - asyncio.get_running_loop().time()
            self._deadline.reschedule(None)
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)
        if self._deadline is not None and self._deadline.when() is None:
            now_s = asyncio.get_running_loop().time()
            self._deadline.reschedule(now_s + self._left_s)

    async def end(self) -> None:
        """Terminate, wait, kill; nothing where it has ended."""
        for signs in ((signal.SIGTERM, signal.SIGCONT), (signal.SIGKILL,)):
            if self.returncode is not None:
                return
            for sign in signs:
                self._send(sign)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TERMINATE_TIMEOUT_S):
                    await self._ended()

    def _send(self, sign: signal.Signals) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)

    async def _ended(self) -> Usage:
        if self._usage is not None:
            return self._usage
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        descriptor = os.pidfd_open(self._process.pid)
        loop.add_reader(descriptor, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self._usage = self._reap()
        return self._usage

    def _reap(self) -> Usage:
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - self._began_s
        cpu_s = used.ru_utime + used.ru_stime
        return Usage(wall_s, cpu_s, used.ru_maxrss << 10)


@contextlib.contextmanager
def _memory_file() -> Iterator[int]:
    descriptor = os.memfd_create("ffmpeg")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _tail(descriptor: int, most_bytes: int) -> str:
    size_bytes = os.fstat(descriptor).st_size
    octets = os.pread(descriptor, most_bytes, max(0, size_bytes - most_bytes))
    return octets.decode(errors="replace")
