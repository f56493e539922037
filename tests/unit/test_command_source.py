# Tests of the source that is a command.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that deliver, end, fall silent, trickle, or write something else."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.sources import command, output
from moonraker_prusacam.camera.sources.command import CommandSource
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import (
    SourceRefused,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from tests.support import jpeg
from tests.support.processes import (
    all_gone,
    appeared,
    descriptors,
    members,
    program,
)
from tests.support.sources import Received, source_of

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0
SHORT_S = 0.2
PICTURE = jpeg.picture(160, 120)
LOOP = "while :; do {}; sleep 0.01; done"


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """One picture in a file; a program beside it is $0, its folder is dirname $0."""
    (tmp_path / "picture.jpg").write_bytes(PICTURE)
    return tmp_path / "feed"


def picture(feed: Path) -> str:
    return f"cat '{feed.parent}/picture.jpg'"


def test_open_source_when_it_is_a_command_then_it_is_a_command_source() -> None:
    assert isinstance(source_of("exec:rpicam-vid --codec mjpeg"), CommandSource)


@pytest.mark.parametrize("wrapping", ["", "printf -- '--b\\r\\n\\r\\n'; "])
async def test_run_when_a_command_writes_pictures_then_they_come(
    feed: Path, wrapping: str
) -> None:
    url = f"exec:{program(feed, LOOP.format(wrapping + picture(feed)))} --any 'thing'"
    received = Received()
    task = asyncio.create_task(source_of(url).run(received))
    await received.frames(5)
    assert received.newest is not None
    assert bytes(received.newest) == PICTURE
    assert Stage.REACHABLE in received.attempt.durations_s
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_run_when_it_ends_then_status_complaint_and_advice_are_told(
    feed: Path,
) -> None:
    body = picture(feed) + "\necho 'ERROR: *** no cameras available ***' >&2\nexit 255"
    received = Received()
    with pytest.raises(SourceUnavailable) as caught:
        await source_of(f"exec:{program(feed, body)}").run(received)
    assert str(caught.value) == (
        "feed ended with status 255: ERROR: *** no cameras available ***"
    )
    assert "ribbon cable" in caught.value.advice
    assert received.scanner.stats.frames == 1


async def test_run_when_it_says_nothing_then_the_advice_is_to_try_it_by_hand() -> None:
    with pytest.raises(
        SourceUnavailable, match=r"^true ended with status 0$"
    ) as caught:
        await source_of("exec:true --never").run(Received())
    assert "run the command by hand" in caught.value.advice


async def test_run_when_it_is_killed_then_the_signal_is_named() -> None:
    with pytest.raises(SourceUnavailable, match=r"^sh was ended by SIGKILL$") as caught:
        await source_of("exec:sh -c 'kill -KILL $$'").run(Received())
    assert "Out of memory" in caught.value.advice


async def test_run_when_there_is_no_such_program_then_it_is_named() -> None:
    with pytest.raises(SourceUnavailable, match=r"no program rpicam-vod$"):
        await source_of("exec:rpicam-vod --password hunter2").run(Received())


async def test_run_when_it_is_no_program_then_it_is_refused(feed: Path) -> None:
    with pytest.raises(SourceRefused, match="may not be executed"):
        await source_of(f"exec:{feed.parent}/picture.jpg").run(Received())


@pytest.mark.parametrize("begins", [True, False])
async def test_run_when_it_is_silent_then_it_is_stalled_and_ended(
    feed: Path, monkeypatch: pytest.MonkeyPatch, begins: bool
) -> None:
    monkeypatch.setattr(command, "READ_TIMEOUT_S", SHORT_S)
    first = f"head -c 100 '{feed.parent}/picture.jpg'; " if begins else ""
    url = f"exec:{program(feed, first + 'echo $$ >$0.pid; exec sleep 100')}"
    with pytest.raises(SourceStalled, match=r"feed runs, but has written nothing for"):
        await source_of(url).run(Received())
    assert not members(int((feed.parent / "feed.pid").read_text()))


async def test_run_when_it_trickles_then_it_is_stalled(
    feed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "PICTURE_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(output, "LOOK_S", 0.02)
    url = f"exec:{program(feed, LOOP.format('printf x'))}"
    with pytest.raises(SourceStalled, match=r"feed goes on sending, but no whole JPEG"):
        await source_of(url).run(Received())


@pytest.mark.parametrize(
    "body", ["cat /dev/zero", "exec cat /dev/urandom", "exec yes '<html>'"]
)
async def test_run_when_it_floods_something_else_then_it_is_unfit(
    feed: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(output, "LOOK_S", 0.02)
    with pytest.raises(SourceUnfit, match="what feed writes is no MJPEG") as caught:
        await source_of(f"exec:{program(feed, body)}").run(Received())
    assert "--codec mjpeg" in caught.value.advice


async def test_run_when_junk_stands_between_pictures_then_it_is_no_reason_to_end(
    feed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LOOK_S", 0.01)
    monkeypatch.setattr(output, "MOST_JUNK_BYTES", 20_000)
    body = f"{picture(feed)}; " + LOOP.format(
        f"head -c 30000 /dev/zero; {picture(feed)}"
    )
    received = Received()
    task = asyncio.create_task(source_of(f"exec:{program(feed, body)}").run(received))
    await received.frames(20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_run_when_it_floods_stderr_then_pictures_come_and_no_memory_is_taken(
    feed: Path,
) -> None:
    body = "yes 'banner banner banner' >&2 & " + LOOP.format(picture(feed))
    received = Received()
    task = asyncio.create_task(source_of(f"exec:{program(feed, body)}").run(received))
    await received.frames(20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_run_when_it_closes_its_output_and_stays_then_it_is_ended(
    feed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.camera.child.LEAVE_TIMEOUT_S", 0.05)
    url = f"exec:{program(feed, 'exec >&-; exec sleep 100')}"
    with pytest.raises(SourceUnavailable, match="feed was ended by SIGTERM"):
        await source_of(url).run(Received())


@pytest.mark.parametrize("error", [TimeoutError, OSError, ValueError])
async def test_run_when_a_consumer_fails_then_its_error_is_not_the_commands(
    feed: Path, error: type[Exception]
) -> None:
    received = Received(error("in the consumer"))
    url = f"exec:{program(feed, LOOP.format(picture(feed)))}"
    with pytest.raises(error, match="in the consumer"):
        await source_of(url).run(received)


async def test_run_when_repeated_then_nothing_is_leaked(feed: Path) -> None:
    source = source_of(f"exec:{program(feed, picture(feed))}")
    received = Received()
    held = []
    for _ in range(12):
        with pytest.raises(SourceUnavailable):
            await source.run(received)
        held.append(descriptors())
    assert held[1] == held[-1]
    assert received.scanner.stats.frames == 12


ENGINE = """
import asyncio, sys
from tests.support.sources import Received, source_of
asyncio.run(source_of(sys.argv[1]).run(Received()))
"""


async def test_engine_when_it_is_killed_then_the_command_has_no_heirs(
    feed: Path,
) -> None:
    stubborn = 'trap "" TERM PIPE HUP; (trap "" PIPE; sleep 100) & echo $$ >$0.pid; '
    url = f"exec:{program(feed, stubborn + LOOP.format(picture(feed)))}"
    engine = await asyncio.create_subprocess_exec(sys.executable, "-c", ENGINE, url)
    group = int(await appeared(feed.parent / "feed.pid"))
    assert len(members(group)) >= 3
    engine.send_signal(signal.SIGKILL)
    await engine.wait()
    await all_gone(group)


def test_config_when_a_command_is_shown_then_its_arguments_are_not() -> None:
    shown = str(CameraConfig("bed", source="exec:feed --password hunter2").source)
    assert shown == "exec:feed ***"
