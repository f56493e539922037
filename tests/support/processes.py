# Programs that tests have run, and what is left of them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts as programs; the processes of a group; what a process holds."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

WAIT_S = 10.0
LOOK_S = 0.005
ZOMBIE = "Z"


def program(path: Path, body: str) -> str:
    """A shell script that can be run, as a command."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def members(group: int) -> dict[int, str]:
    """The commands of a group's processes that have not ended."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, its_group = (
                (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            )
            if int(its_group) == group and state != ZOMBIE:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                # One that ends has lost its memory and files before it is a zombie.
                if command := b" ".join(words).decode(errors="replace"):
                    found[int(folder.name)] = command
    return found


async def all_gone(group: int) -> None:
    """Wait until nobody of the group is left."""
    async with asyncio.timeout(WAIT_S):
        while await asyncio.to_thread(members, group):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


async def appeared(path: Path) -> str:
    """Wait for a file with a whole line in it; its text."""

    def text() -> str:
        return path.read_text() if path.exists() else ""

    async with asyncio.timeout(WAIT_S):
        while not (told := await asyncio.to_thread(text)).endswith("\n"):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
    return told


def children() -> set[int]:
    """The processes that this one has begun."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while its list is read.
        with suppress(FileNotFoundError, ProcessLookupError):
            found.update(map(int, (task / "children").read_text().split()))
    return found


def command_lines() -> list[str]:
    """The arguments of all processes of the host."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                text = (folder / "cmdline").read_bytes()
                found.append(text.replace(b"\0", b" ").decode(errors="replace"))
    return found


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def descriptors_fall_to(count: int) -> None:
    """Wait until no more are open: some are closed a turn of the loop later."""
    async with asyncio.timeout(WAIT_S):
        while descriptors() > count:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
