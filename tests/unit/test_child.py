# Tests of a camera's child process.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that do not want to end, flood, or are left alone by a killed engine."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera import child as child_module
from moonraker_prusacam.camera.child import Child, running
from moonraker_prusacam.errors import SourceRefused, SourceUnavailable
from tests.support.processes import (
    all_gone,
    appeared,
    descriptors,
    members,
    program,
)

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0
SHORT_S = 0.1
STUBBORN = 'trap "" TERM INT HUP; echo ready >"$0.ready"; '
GRANDCHILDREN = '(trap "" TERM; sleep 100) & sleep 101 & '


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "TERMINATE_TIMEOUT_S", SHORT_S)


async def output_of(child: Child) -> bytes:
    def read() -> bytes:
        with os.fdopen(child.take_output(), "rb") as output:
            return output.read()

    async with asyncio.timeout(WAIT_S):
        return await asyncio.to_thread(read)


async def finished(*command: str) -> Child:
    """A child that has ended by itself."""
    async with running(command) as child:
        await output_of(child)
        await child.left()
    return child


async def test_start_when_there_is_no_program_then_it_is_named() -> None:
    with pytest.raises(SourceUnavailable, match="there is no program rpicam-vod"):
        await Child.start(["rpicam-vod", "--secret"])


async def test_start_when_it_may_not_be_executed_then_it_says_what_to_do(
    tmp_path: Path,
) -> None:
    path = tmp_path / "feed.sh"
    path.write_text("#!/bin/sh\n")
    with pytest.raises(SourceRefused, match="may not be executed") as caught:
        await Child.start([str(path)])
    assert caught.value.advice == f"chmod +x {path}"


async def test_start_when_the_host_has_no_room_then_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*args: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    gc.collect()  # what tests before this one left
    before = descriptors()
    monkeypatch.setattr(subprocess, "Popen", full)
    with pytest.raises(SourceUnavailable, match="sh cannot be started: Resource"):
        await Child.start(["/bin/sh"])
    assert descriptors() == before


@pytest.mark.parametrize(("body", "code"), [("exit 0", 0), ("exit 77", 77)])
async def test_returncode_when_it_ended_then_it_is_the_commands_own(
    body: str, code: int
) -> None:
    assert (await finished("sh", "-c", body)).returncode == code


async def test_returncode_when_a_signal_ended_it_then_it_is_that() -> None:
    assert (await finished("sh", "-c", "kill -SEGV $$")).returncode == -signal.SIGSEGV


async def test_command_when_it_has_strange_words_then_no_shell_takes_them_apart() -> (
    None
):
    words = ["$(id)", "a b", "", "'", "*", ";exit 3", "\\", "ü"]
    async with running(["printf", "%s|", *words]) as child:
        assert (await output_of(child)).decode() == "".join(f"{w}|" for w in words)


async def test_command_when_it_runs_then_it_has_nothing_of_the_engines() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    os.environ["LC_ALL"], before = "de_DE.UTF-8", os.environ.get("LC_ALL")
    look = (
        "exec 2>/dev/null; for _ in 1 2 3 4 5 6 7 8 9; do "
        "grep -qs 'nice 5' /proc/self/autogroup && break; sleep 0.1; done; "
        "ls /proc/self/fd | wc -l; head -c 9 | wc -c; "
        "echo $LC_ALL; cut -d' ' -f19 /proc/self/stat; cut -d' ' -f5,6 /proc/$$/stat; "
        "echo $$ $$; grep SigIgn /proc/self/status; cat /proc/self/oom_score_adj; "
        "cat /proc/self/autogroup || echo ' nice 5'"
    )
    try:
        async with running(["sh", "-c", look]) as child:
            lines = (await output_of(child)).decode().splitlines()
    finally:
        os.environ.pop("LC_ALL")
        if before is not None:
            os.environ["LC_ALL"] = before
    # ls has opened one for the folder.
    assert lines[:4] == ["4", "0", "C", str(min(19, own + child_module.NICE))]
    assert lines[4] == lines[5]  # group and session
    # Python ignores these two; what its parent ignores is no affair of ours.
    ignored = int(lines[6].split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
    assert lines[7] == str(child_module.OOM_SCORE_ADJ)
    assert lines[8].endswith(f" nice {child_module.NICE}")


async def test_end_when_it_ends_when_asked_then_it_was_not_killed() -> None:
    async with running(["sleep", "100"]) as child:
        assert members(child.pid)
    assert child.returncode == -signal.SIGTERM
    await child.end()


async def test_end_when_it_cleans_up_then_it_gets_the_time(tmp_path: Path) -> None:
    body = 'trap "sleep 0.1; echo clean >$0.clean; exit 4" TERM; echo >$0.ready; '
    command = program(tmp_path / "feed", body + "while :; do sleep 0.01; done")
    async with running([command]) as child:
        await appeared(tmp_path / "feed.ready")
    assert child.returncode == 4
    assert (tmp_path / "feed.clean").exists()


async def test_end_when_it_and_its_children_ignore_that_then_all_are_killed(
    tmp_path: Path, short: None
) -> None:
    body = GRANDCHILDREN + STUBBORN + "while :; do sleep 0.01; done"
    command = program(tmp_path / "feed", body)
    async with running([command]) as child:
        await appeared(tmp_path / "feed.ready")
        assert len(members(child.pid)) >= 4
    assert child.returncode == -signal.SIGKILL
    assert not members(child.pid)


async def test_end_when_only_its_children_are_left_then_they_are_killed() -> None:
    async with running(["sh", "-c", GRANDCHILDREN + "exit 5"]) as child:
        await child.left()
        assert members(child.pid)
    assert child.returncode == 5
    assert not members(child.pid)


async def test_end_when_cancelled_then_it_is_killed_and_awaited_all_the_same(
    tmp_path: Path,
) -> None:
    body = STUBBORN + "while :; do sleep 0.01; done"
    command = program(tmp_path / "feed", body)
    child = await Child.start([command])
    await appeared(tmp_path / "feed.ready")
    ending = asyncio.create_task(child.end())
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert child.returncode == -signal.SIGKILL
    await all_gone(child.pid)


async def test_stderr_when_it_floods_then_output_goes_on_and_the_end_is_kept() -> None:
    flood = "yes >&2 & head -c 3000000 /dev/zero; kill $!; wait; echo the end >&2"
    async with running(["sh", "-c", flood]) as child:
        assert len(await output_of(child)) == 3_000_000
        assert len(child.stderr) <= child_module.STDERR_TAIL_BYTES
    assert child.returncode == 0
    assert child.stderr.endswith("the end\n")


async def test_stderr_when_nobody_looks_then_a_chatty_child_is_not_held_up() -> None:
    chatty = "head -c 400000 /dev/zero >&2; echo out"
    async with running(["sh", "-c", chatty]) as child:
        assert await output_of(child) == b"out\n"


async def test_lifeline_when_it_is_gone_then_the_whole_group_is_killed(
    tmp_path: Path,
) -> None:
    """As when the engine is killed: only its end of the pipe is closed."""
    body = GRANDCHILDREN + STUBBORN + "while :; do sleep 0.01; done"
    command = program(tmp_path / "feed", body)
    async with running([command]) as child:
        await appeared(tmp_path / "feed.ready")
        lifeline = child._process.stdin
        assert lifeline is not None
        lifeline.close()
        await all_gone(child.pid)
    assert child.returncode == -signal.SIGKILL


ENGINE = """
import asyncio, sys
from moonraker_prusacam.camera.child import running
async def main():
    async with running(sys.argv[1:]) as child:
        print(child.pid, flush=True)
        await asyncio.sleep(100)
asyncio.run(main())
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSEGV])
async def test_engine_when_it_is_killed_then_nothing_of_the_group_is_left(
    sign: signal.Signals, tmp_path: Path
) -> None:
    body = GRANDCHILDREN + STUBBORN + "while :; do sleep 0.01; done"
    command = program(tmp_path / "feed", body)
    engine = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENGINE, command, stdout=asyncio.subprocess.PIPE
    )
    assert engine.stdout is not None
    group = int(await asyncio.wait_for(engine.stdout.readline(), WAIT_S))
    await appeared(tmp_path / "feed.ready")
    assert len(members(group)) >= 4
    engine.send_signal(sign)
    await engine.wait()
    await all_gone(group)


async def test_start_when_it_is_cancelled_at_any_moment_then_nothing_is_left() -> None:
    delays = random.Random(6)
    groups: set[int] = set()

    async def run() -> None:
        async with running(["sh", "-c", GRANDCHILDREN + "wait"]) as child:
            groups.add(child.pid)
            await asyncio.sleep(WAIT_S)

    async def cancel_one() -> None:
        task = asyncio.create_task(run())
        await asyncio.sleep(delays.uniform(0, 0.02))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await cancel_one()
    gc.collect()
    gc.collect()  # what tests before this one left
    before = descriptors()
    for _ in range(50):
        await cancel_one()
    gc.collect()
    assert descriptors() == before
    assert len(groups) > 10
    for group in groups:
        assert not members(group)
