# Tests of the owner of background tasks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No task is forgotten, and no exception of one is lost."""

from __future__ import annotations

import asyncio

import pytest

from moonraker_prusacam.errors import ClosedError
from moonraker_prusacam.tasks import TaskOwner

WAIT_S = 5.0


async def forever() -> None:
    await asyncio.Event().wait()


async def test_task_when_started_then_named_counted_and_gives_its_result() -> None:
    async def work() -> int:
        return 7

    owner = TaskOwner("camera")
    task = owner.start("source", work())
    assert task.get_name() == "camera:source"
    assert len(owner) == 1
    assert await task == 7
    await asyncio.sleep(0)
    assert len(owner) == 0


async def test_task_when_it_raises_then_logged_once_with_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise LookupError("lost")

    owner = TaskOwner("camera")
    await asyncio.wait([owner.start("source", fail())], timeout=WAIT_S)
    await owner.aclose()
    (record,) = caplog.records
    assert record.message == "Task camera:source failed"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_aclose_when_tasks_run_then_cancelled_and_awaited() -> None:
    ended = []

    async def slow_to_end() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    owner = TaskOwner("camera")
    task = owner.start("source", slow_to_end())
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_S):
        await owner.aclose()
        await owner.aclose()
    assert task.cancelled()
    assert ended == [True]


async def test_aclose_when_a_task_fails_at_its_end_then_logged_and_not_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stubborn() -> None:
        try:
            await forever()
        finally:
            raise OSError("cannot close")

    owner = TaskOwner("camera")
    owner.start("source", stubborn())
    await asyncio.sleep(0)
    await owner.aclose()
    assert caplog.messages == ["Task camera:source failed"]


async def test_aclose_when_called_by_an_owned_task_then_no_deadlock() -> None:
    owner = TaskOwner("camera")
    async with asyncio.timeout(WAIT_S):
        await owner.start("closer", owner.aclose())


async def test_start_when_closed_then_refused_and_nothing_left_unawaited() -> None:
    owner = TaskOwner("camera")
    await owner.aclose()
    with pytest.raises(ClosedError, match="camera is closed"):
        owner.start("source", forever())
