# ffmpeg as a process.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""It is the least important one, it ends when it has to, and tells what it took."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.video.ffmpeg import FFmpeg, frames_told
from tests.support.video import frames, is_alive, programs, script

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 20.0


async def pid_from(fifo: Path) -> int:
    return int(await asyncio.to_thread(fifo.read_text))


async def test_run_then_it_is_the_least_important_process(tmp_path: Path) -> None:
    spy = script(
        tmp_path / "ffmpeg",
        "chrt -p $$; ionice -p $$; cat /proc/$$/oom_score_adj; ulimit -d",
    )
    said = (await spy.run([], timeout_s=TIMEOUT_S, memory_limit_bytes=300 << 20)).stdout
    assert "SCHED_IDLE" in said
    assert said.splitlines()[-3:] == ["idle", "800", str(300 << 10)]


async def test_run_then_usage_is_told(tmp_path: Path) -> None:
    busy = script(
        tmp_path / "ffmpeg", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
    )
    usage = (await busy.run([], timeout_s=TIMEOUT_S)).usage
    assert 0 < usage.cpu_s <= usage.wall_s + 0.1
    assert usage.peak_bytes > 100 << 10


async def test_run_when_it_fails_then_error_holds_the_cause(tmp_path: Path) -> None:
    broken = script(
        tmp_path / "ffmpeg",
        "echo 'No device' >&2; echo 'Conversion failed!' >&2; exit 3",
    )
    with pytest.raises(RenderError, match="No device") as caught:
        await broken.run([], timeout_s=TIMEOUT_S)
    assert caught.value.returncode == 3
    assert "Conversion failed!" in caught.value.stderr_tail


async def test_run_when_it_says_a_lot_then_the_end_is_kept(tmp_path: Path) -> None:
    chatty = script(tmp_path / "ffmpeg", "seq 400000; seq 400000 >&2; exit 1")
    with pytest.raises(RenderError) as caught:
        await chatty.run([], timeout_s=TIMEOUT_S)
    assert caught.value.stderr_tail.endswith("\n400000")
    assert len(caught.value.stderr_tail) <= 4096


async def test_run_when_there_is_no_program_then_error_names_it(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="nowhere"):
        await FFmpeg(str(tmp_path / "nowhere")).run([], timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
async def test_run_when_too_slow_then_it_is_ended(
    tmp_path: Path, trap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.video.ffmpeg.TERMINATE_TIMEOUT_S", 0.3)
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    slow = script(tmp_path / "ffmpeg", f"{trap} echo $$ > '{fifo}'; sleep 1000")
    run = asyncio.create_task(slow.run([], timeout_s=0.5))
    pid = await pid_from(fifo)
    with pytest.raises(RenderError, match="took longer than"):
        await run
    assert not is_alive(pid)


async def test_run_when_cancelled_while_paused_then_it_has_ended(
    tmp_path: Path,
) -> None:
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    sleeper = script(tmp_path / "ffmpeg", f"echo $$ > '{fifo}'; exec sleep 1000")
    run = asyncio.create_task(sleeper.run([], timeout_s=TIMEOUT_S))
    pid = await pid_from(fifo)
    sleeper.pause()
    await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not is_alive(pid)


async def test_pause_when_longer_than_the_timeout_then_the_run_still_succeeds(
    tmp_path: Path,
) -> None:
    fifo, go = tmp_path / "pid", tmp_path / "go"
    os.mkfifo(fifo)
    os.mkfifo(go)
    waiter = script(tmp_path / "ffmpeg", f"echo $$ > '{fifo}'; exec cat '{go}'")
    timeout_s = 2.0
    run = asyncio.create_task(waiter.run([], timeout_s=timeout_s))
    pid = await pid_from(fifo)
    waiter.pause()
    await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    done, _ = await asyncio.wait([run], timeout=timeout_s + 0.3)
    assert not done
    waiter.resume()
    await asyncio.to_thread(go.write_text, "went on")
    assert (await run).stdout == "went on"


async def test_run_when_paused_then_nothing_starts(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    marker = script(tmp_path / "ffmpeg", f"echo > '{mark}'")
    marker.pause()
    run = asyncio.create_task(marker.run([], timeout_s=TIMEOUT_S))
    await asyncio.wait([run], timeout=0.2)
    assert not mark.exists()
    marker.resume()
    await run
    assert mark.exists()


async def test_run_when_killed_then_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(RenderError) as caught:
        await script(tmp_path / "ffmpeg", "kill -9 $$").run([], timeout_s=TIMEOUT_S)
    assert caught.value.returncode == -signal.SIGKILL


@pytest.mark.parametrize("program", programs())
async def test_features_then_version_filters_and_encoders(program: str) -> None:
    features = await FFmpeg(program).features()
    assert features.version >= (5, 1)
    assert {"scale", "tpad", "drawbox"} <= features.filters
    assert "libx264" in features.encoders


async def test_features_when_a_development_build_then_newest(tmp_path: Path) -> None:
    nightly = script(tmp_path / "ffmpeg", "echo 'ffmpeg version N-1234-gabc Copyright'")
    assert (await nightly.features()).version > (9, 0)


@pytest.mark.parametrize("program", programs())
async def test_count_when_no_video_then_error(program: str, tmp_path: Path) -> None:
    ffmpeg = FFmpeg(program)
    text = tmp_path / "-v 100%d.mp4"
    text.write_text("<html>")
    with pytest.raises(RenderError):
        await ffmpeg.count(text)
    picture = frames(tmp_path / "a", 1)[0]
    assert await ffmpeg.count_decoded(picture) == 1


@pytest.mark.parametrize("said", ["", "frame=\n", "frame=N/A\n", "fps=12\n"])
def test_frames_told_when_not_told_then_error(said: str) -> None:
    with pytest.raises(RenderError):
        frames_told(said)


def test_frames_told_when_told_often_then_the_last_counts() -> None:
    assert frames_told("frame=1\nfps=2\nframe=  25\nprogress=end\n") == 25
