# Fixtures of every test.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no test may do: leave something running, or block the event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

from tests.support.processes import children

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

# Threads of executors and children that were told to end may take this long.
LEAVE_TIMEOUT_S = 3.0

# What begins to serve a connection that an asyncio server has accepted.
ACCEPT = "_accept_connection2"

# Files and functions of ours that may block while a loop runs, and why that harms
# nobody.
MAY_BLOCK = (
    # Before the engine serves anybody, and after it has served all: a few calls on
    # the local folder of the socket.
    ("moonraker_prusacam/control/server.py", ("_open", "_remove_stale", "aclose")),
)
# What the standard library does on its own account.
STDLIB_MAY_BLOCK = (
    # Imports at first use.
    ("<frozen importlib._bootstrap>", ("_find_and_load",)),
    # A traceback in the log reads source files.
    ("traceback.py", ("format_exception", "print_exception")),
    # fork() and exec() of a child; asyncio has no other way.
    ("subprocess.py", ("__init__", "_execute_child")),
)


# How long an example takes to find and to try, a busy host decides.
settings.register_profile(
    "any host", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any host")


@pytest.fixture(scope="session", autouse=True)
def our_code_never_blocks_a_loop() -> Iterator[None]:
    """Fail a test in which our code blocks the event loop that runs it."""
    # The emulator plays other people's programs; what blocks there is theirs.
    with blockbuster_ctx(
        "moonraker_prusacam", excluded_modules=["moonraker_prusacam.emulator"]
    ) as guard:
        for function in guard.functions.values():
            for file, names in (*MAY_BLOCK, *STDLIB_MAY_BLOCK):
                function.can_block_in(file, names)
        yield


@pytest.fixture(scope="session", autouse=True)
def servers_lose_no_connection() -> Iterator[None]:
    """Have asyncio's servers close what they accepted in the moment of their end.

    Python drops such a connection unclosed (python/cpython#109564). It is closed when
    the garbage is collected, which harms nobody but the test that runs by then.
    """
    accept: Any = getattr(asyncio.SelectorEventLoop, ACCEPT)

    async def accept_or_close(
        loop: asyncio.SelectorEventLoop,
        factory: object,
        connection: socket.socket,
        extra: object,
        context: object = None,
        server: asyncio.Server | None = None,
        *timeouts_s: float,
    ) -> None:
        if server is not None and not server.sockets:
            connection.close()
            return
        await accept(loop, factory, connection, extra, context, server, *timeouts_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.SelectorEventLoop, ACCEPT, accept_or_close)
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_outlives_its_module() -> Iterator[None]:
    """Fail a module whose own fixtures leave something; name it."""
    with _nothing_left("the module"):
        yield


@pytest.fixture(autouse=True)
def nothing_outlives_its_test(nothing_outlives_its_module: None) -> Iterator[None]:
    """Fail a test that leaves a thread, a child process or a socket; name it."""
    with _nothing_left("this test"):
        yield


@contextmanager
def _nothing_left(by: str) -> Iterator[None]:
    threads, begun, sockets = set(threading.enumerate()), children(), _sockets()
    yield
    left = [
        *(_describe_thread(thread) for thread in _left_threads(threads)),
        *(_end(child) for child in _left_children(begun)),
        *(_describe_socket(inode) for inode in _sockets().keys() - sockets.keys()),
    ]
    if left:
        gc.collect()  # what is garbage complains here, and not in another test
        pytest.fail(f"left by {by}: " + "; ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def no_task_outlives_its_test(
    nothing_outlives_its_test: None, request: pytest.FixtureRequest
) -> None:
    """Give every asynchronous test ``task_guard``, and no loop to the others."""
    if request.node.get_closest_marker("asyncio") is not None:
        request.getfixturevalue("task_guard")


@pytest_asyncio.fixture
async def task_guard() -> AsyncIterator[None]:
    """Fail a test that leaves a task; name it."""
    known = asyncio.all_tasks()
    yield
    if current := asyncio.current_task():
        known.add(current)
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            while left := asyncio.all_tasks() - known:
                await asyncio.wait(left)
    if left := asyncio.all_tasks() - known:
        names = ", ".join(sorted(f"{t.get_name()} ({t.get_coro()})" for t in left))
        pytest.fail(f"tasks left by this test: {names}", pytrace=False)


def _left_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(LEAVE_TIMEOUT_S)
    return [thread for thread in left if thread.is_alive()]


def _describe_thread(thread: threading.Thread) -> str:
    return f"thread {thread.name}"


def _left_children(before: set[int]) -> list[int]:
    return [child for child in children() - before if not _ends(child)]


def _ends(child: int) -> bool:
    """Whether the child process ends by itself, and somebody has asked how."""
    try:
        descriptor = os.pidfd_open(child)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(LEAVE_TIMEOUT_S * 1e3)
    finally:
        os.close(descriptor)
    return child not in children()


def _end(child: int) -> str:
    command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(child, 0)
    return f"child process {child} ({command.decode(errors='replace').strip()})"


def _sockets() -> dict[str, int]:
    """Descriptors of the open sockets by their inodes."""
    found = {}
    for entry in os.scandir("/proc/self/fd"):
        with suppress(OSError):
            target = str(Path(entry.path).readlink())
            if target.startswith("socket:"):
                found[target] = int(entry.name)
    return found


def _describe_socket(inode: str) -> str:
    descriptor = _sockets().get(inode)
    if descriptor is None:
        return f"{inode}, closed a moment late"
    with socket.socket(fileno=os.dup(descriptor)) as left:
        name = left.getsockname()
    return f"{left.family.name} socket {name!r}"
