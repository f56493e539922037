# Tests of the life of commands.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each command is accepted, done once, and answered; also by the next engine."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.connect.printer.answers import MAX_ANSWERS, AnswerBook
from moonraker_prusacam.connect.printer.desk import BUSY, OUTRUN, CommandDesk
from moonraker_prusacam.connect.printer.messages import (
    Command,
    Event,
    EventKind,
    Outcome,
    Source,
)
from moonraker_prusacam.connect.printer.wire import Unreadable
from moonraker_prusacam.errors import (
    CommandFailed,
    CommandRejected,
    MoonrakerUnavailable,
)
from tests.support.fake_printer import FakeActions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WAIT_S = 10.0


class Told:
    """The answers of a desk, and a way to wait for them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._came = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._came.set()

    def brief(self) -> list[tuple[int | None, str]]:
        return [(event.command_id, str(event.kind)) for event in self.events]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.events) < count:
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def desk_of(
    actions: FakeActions, path: Path, *, timeout_s: float = WAIT_S
) -> AsyncIterator[tuple[CommandDesk, Told]]:
    told, book = Told(), AnswerBook(path / "answers.json")
    owed = await asyncio.to_thread(book.load)
    if owed is not None:
        told(owed)
    desk = CommandDesk(actions.execute, told, book, timeout_s=timeout_s)
    try:
        yield desk, told
    finally:
        await desk.aclose()


def command(identity: int, name: str = "PAUSE_PRINT") -> Command:
    return Command(id=identity, name=name)


async def test_command_when_it_ends_well_then_accepted_and_finished(
    tmp_path: Path,
) -> None:
    async with desk_of(FakeActions(), tmp_path) as (desk, told):
        desk.receive(command(5))
        await told.until(2)
    assert told.brief() == [(5, "ACCEPTED"), (5, "FINISHED")]
    assert desk.running is None


async def test_command_when_it_asks_for_an_event_then_that_is_the_answer(
    tmp_path: Path,
) -> None:
    actions = FakeActions()
    actions.outcome = Outcome(kind=EventKind.FILE_INFO, data={"size": 5}, job_id=3)
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5, "SEND_FILE_INFO"))
        await told.until(2)
    answer = told.events[1]
    assert (answer.kind, answer.data, answer.job_id) == ("FILE_INFO", {"size": 5}, 3)
    assert not (tmp_path / "answers.json").exists()


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (CommandRejected("not now"), "REJECTED", "not now"),
        (CommandFailed("it broke"), "FAILED", "it broke"),
        (MoonrakerUnavailable("no Moonraker"), "FAILED", "no Moonraker"),
        (RuntimeError("a bug"), "FAILED", "Internal error"),
    ],
)
async def test_command_when_it_ends_badly_then_the_reason_is_told(
    tmp_path: Path, error: Exception, kind: str, reason: str
) -> None:
    actions = FakeActions()
    actions.outcome = error
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5))
        await told.until(2)
    assert told.brief() == [(5, "ACCEPTED"), (5, kind)]
    assert told.events[1].reason == reason


async def test_command_when_it_does_not_end_then_failed(tmp_path: Path) -> None:
    actions = FakeActions()
    actions.hold()
    async with desk_of(actions, tmp_path, timeout_s=0.01) as (desk, told):
        desk.receive(command(5))
        await told.until(2)
    assert told.brief() == [(5, "ACCEPTED"), (5, "FAILED")]
    assert actions.cancelled == 1


async def test_same_id_when_running_and_when_over_then_answered_and_done_once(
    tmp_path: Path,
) -> None:
    actions = FakeActions()
    actions.hold()
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5))
        desk.receive(command(5))
        actions.release()
        await told.until(3)
        desk.receive(command(5))
    assert told.brief() == [
        (5, "ACCEPTED"),
        (5, "ACCEPTED"),
        (5, "FINISHED"),
        (5, "FINISHED"),
    ]
    assert len(actions.commands) == 1


async def test_other_id_when_one_runs_then_rejected(tmp_path: Path) -> None:
    actions = FakeActions()
    actions.hold()
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5))
        desk.receive(command(6))
        assert told.events[1].reason == BUSY
        actions.release()
        await told.until(3)
    assert told.brief() == [(5, "ACCEPTED"), (6, "REJECTED"), (5, "FINISHED")]


async def test_reset_when_one_runs_then_that_is_given_up_first(tmp_path: Path) -> None:
    actions = FakeActions()
    actions.hold()
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5))
        desk.receive(command(6, "RESET_PRINTER"))
        await told.until(4)
        desk.receive(command(6, "RESET_PRINTER"))
        desk.receive(command(5))
    assert told.brief() == [
        (5, "ACCEPTED"),
        (6, "ACCEPTED"),
        (5, "FAILED"),
        (6, "FINISHED"),
        (6, "FINISHED"),
        (5, "FAILED"),
    ]
    assert told.events[2].reason == OUTRUN
    assert [one.name for one in actions.commands][-1] == "RESET_PRINTER"


async def test_reset_when_a_reset_runs_then_rejected(tmp_path: Path) -> None:
    class Slow(FakeActions):
        async def execute(self, command: Command) -> Outcome:
            await asyncio.Event().wait()
            raise AssertionError(command)

    async with desk_of(Slow(), tmp_path) as (desk, told):
        desk.receive(command(5, "RESET_PRINTER"))
        desk.receive(command(6, "RESET_PRINTER"))
    assert told.brief() == [(5, "ACCEPTED"), (6, "REJECTED")]


async def test_command_when_what_it_waits_for_is_cancelled_then_failed(
    tmp_path: Path,
) -> None:
    class Cancelled(FakeActions):
        async def execute(self, command: Command) -> Outcome:
            raise asyncio.CancelledError(command.name)

    async with desk_of(Cancelled(), tmp_path) as (desk, told):
        desk.receive(command(5))
        await told.until(2)
    assert told.brief() == [(5, "ACCEPTED"), (5, "FAILED")]


async def test_unreadable_when_it_comes_then_rejected_with_its_reason(
    tmp_path: Path,
) -> None:
    async with desk_of(FakeActions(), tmp_path) as (desk, told):
        desk.receive(Unreadable(9, "no JSON"))
        desk.receive(Unreadable(None, "no id"))
    assert told.brief() == [(9, "REJECTED"), (None, "REJECTED")]
    assert told.events[0].reason == "no JSON"


async def test_same_id_when_the_engine_was_restarted_then_answered_and_not_done(
    tmp_path: Path,
) -> None:
    actions = FakeActions()
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5, "START_PRINT"))
        await told.until(2)
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5, "START_PRINT"))
    assert told.brief() == [(5, "FINISHED")]
    assert len(actions.commands) == 1


async def test_command_when_the_engine_ends_in_it_then_the_next_one_says_failed(
    tmp_path: Path,
) -> None:
    actions = FakeActions()
    actions.hold()
    async with desk_of(actions, tmp_path) as (desk, told):
        desk.receive(command(5, "START_PRINT"))
        await asyncio.wait_for(actions.begun.wait(), WAIT_S)
    async with desk_of(actions, tmp_path) as (desk, told):
        assert told.brief() == [(5, "FAILED")]
        desk.receive(command(5, "START_PRINT"))
    assert told.brief() == [(5, "FAILED"), (5, "FAILED")]
    assert len(actions.commands) == 1
    async with desk_of(actions, tmp_path) as (desk, told):
        assert told.brief() == []


async def test_question_when_the_engine_was_restarted_then_answered_anew(
    tmp_path: Path,
) -> None:
    actions = FakeActions()
    for _ in range(2):
        async with desk_of(actions, tmp_path) as (desk, told):
            desk.receive(command(5, "SEND_FILE_INFO"))
            await told.until(2)
    assert len(actions.commands) == 2


async def test_answers_when_many_then_the_newest_are_kept_and_only_one_has_data(
    tmp_path: Path,
) -> None:
    actions = FakeActions()
    actions.outcome = Outcome(kind=EventKind.FILE_INFO, data={"preview": "x" * 1000})
    async with desk_of(actions, tmp_path) as (desk, told):
        for identity in range(1, MAX_ANSWERS + 3):
            desk.receive(command(identity, "SEND_FILE_INFO"))
            await told.until(2 * identity)
        told.events.clear()
        last = MAX_ANSWERS + 2
        desk.receive(command(last))
        desk.receive(command(last - 1))
        assert told.brief() == [(last, "FILE_INFO"), (last - 1, "FINISHED")]
        assert not told.events[1].data
        desk.receive(command(1))
        await told.until(4)
    assert told.brief()[2] == (1, "ACCEPTED")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"answers": 5, "begun": "x"}',
        '{"answers": [5, {}, {"id": true}, {"id": 5, "event": "X"}], "begun": true}',
        '{"answers": [{"id": 5, "event": ["FINISHED"]}]}',
        "[" * 100_000,
    ],
)
async def test_book_when_its_file_is_damaged_then_empty(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "answers.json").write_text(content)
    async with desk_of(FakeActions(), tmp_path) as (desk, told):
        desk.receive(command(5))
        await told.until(2)
    assert told.brief() == [(5, "ACCEPTED"), (5, "FINISHED")]


async def test_file_when_written_then_for_its_owner_and_without_data(
    tmp_path: Path,
) -> None:
    async with desk_of(FakeActions(), tmp_path) as (desk, told):
        desk.receive(command(5))
        await told.until(2)
    path = tmp_path / "answers.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {
        "begun": None,
        "answers": [{"id": 5, "event": "FINISHED", "reason": ""}],
    }


async def test_command_when_the_disk_hangs_then_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moonraker_prusacam.connect.printer import desk as module

    class Hanging(AnswerBook):
        async def save(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "SAVE_TIMEOUT_S", 0.01)
    told = Told()
    book = Hanging(tmp_path / "answers.json")
    desk = CommandDesk(FakeActions().execute, told, book)
    desk.receive(command(5, "STOP_PRINT"))
    await told.until(2)
    desk.receive(command(6, "STOP_PRINT"))
    await told.until(4)
    await asyncio.wait_for(desk.aclose(), WAIT_S)
    assert told.brief()[1::2] == [(5, "FINISHED"), (6, "FINISHED")]


async def test_answer_when_told_then_before_what_the_command_has_begun_tells(
    tmp_path: Path,
) -> None:
    class Beginning(FakeActions):
        async def execute(self, command: Command) -> Outcome:
            loop = asyncio.get_running_loop()
            aborted = Event(kind=EventKind.TRANSFER_ABORTED, source=Source.CONNECT)
            loop.call_soon(told, aborted)
            return await super().execute(command)

    async with desk_of(Beginning(), tmp_path) as (desk, told):
        desk.receive(command(5, "START_URL_DOWNLOAD"))
        await told.until(3)
    assert told.brief() == [
        (5, "ACCEPTED"),
        (5, "FINISHED"),
        (None, "TRANSFER_ABORTED"),
    ]


async def test_command_when_the_disk_refuses_then_done_all_the_same(
    tmp_path: Path,
) -> None:
    (tmp_path / "answers.json").mkdir()
    async with desk_of(FakeActions(), tmp_path) as (desk, told):
        desk.receive(command(5))
        await told.until(2)
    assert told.brief() == [(5, "ACCEPTED"), (5, "FINISHED")]
