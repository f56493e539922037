# Tests of a registered printer's days.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told when, in virtual time; outages, refusals, and a whole week."""

from __future__ import annotations

import asyncio
import gc
import itertools
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.connect.printer.answers import AnswerBook
from moonraker_prusacam.connect.printer.api import PrinterApi
from moonraker_prusacam.connect.printer.cameras import CameraTokens
from moonraker_prusacam.connect.printer.identity import PrinterIdentity
from moonraker_prusacam.connect.printer.messages import (
    Command,
    Event,
    EventKind,
    Source,
)
from moonraker_prusacam.connect.printer.outbox import MAX_EVENTS
from moonraker_prusacam.connect.printer.reporter import Contact
from moonraker_prusacam.connect.printer.session import Session
from moonraker_prusacam.connect.printer.view import Transfer
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    MoonrakerUnavailable,
    SnapshotRejected,
    TokenRejected,
)
from moonraker_prusacam.printer_options import PrinterConfig
from moonraker_prusacam.secret import Secret
from tests.support.clock import VirtualClock
from tests.support.fake_printer import FILES, READY, FakeActions, printing
from tests.support.recording_link import RecordingLink, Sent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

WAIT_S = 20.0
DAY_S = 86400.0
IDENTITY = PrinterIdentity("KLP-0123456789AB", "6.1.0", "0123456789abcdef" * 2)


def down(times: int) -> list[ConnectUnavailable]:
    return [ConnectUnavailable("no answer") for _ in range(times)]


@attrs.frozen
class Stand:
    """A session on a virtual clock."""

    session: Session
    link: RecordingLink
    actions: FakeActions
    clock: VirtualClock
    contacts: list[str]
    _came: asyncio.Event

    def said(self, condition: Callable[[Sent], bool]) -> list[Sent]:
        return [one for one in self.link.sent if condition(one)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._came.clear()
                await self._came.wait()

    async def next(self, count: int = 1) -> None:
        """Until so many more things were sent."""
        goal = self.link.count + count
        await self.until(lambda: self.link.count >= goal)


@asynccontextmanager
async def stand(
    tmp_path: Path,
    *errors: tuple[str, Exception],
    actions: FakeActions | None = None,
    config: PrinterConfig | None = None,
) -> AsyncIterator[Stand]:
    clock, came = VirtualClock(), asyncio.Event()
    link, actions = RecordingLink(clock), actions or FakeActions()
    for kind, error in errors:
        link.fail(kind, error)
    link.after = lambda _: came.set()
    api = PrinterApi("http://127.0.0.1:9", IDENTITY, clock, token=Secret("T" * 20))
    contacts: list[str] = []

    def on_contact() -> None:
        contacts.append(str(session.reporter.contact))
        came.set()

    session = Session(
        config or PrinterConfig(consent=True, send_network_info=False),
        IDENTITY,
        api,
        actions,
        AnswerBook(tmp_path / "answers.json"),
        CameraTokens(api, clock, tmp_path, ()),
        clock,
        on_contact,
        link=link,
    )
    await session.start()
    try:
        yield Stand(session, link, actions, clock, contacts, came)
    finally:
        await session.aclose()
        await api.aclose()


async def test_session_when_it_begins_then_info_state_and_full_telemetry(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(4)
        first, second, third, fourth = at.link.sent[:4]
    assert (first.kind, second.kind) == ("INFO", "STATE_CHANGED")
    assert first.body["state"] == "IDLE"
    assert first.body["data"]["type"] == 6
    assert first.body["data"]["files"] == FILES["files"]
    assert first.body["data"]["storages"] == FILES["storages"]
    assert first.body["data"]["sn"] == IDENTITY.serial
    assert "Klipper v0.13.0-1" in first.body["data"]["firmware"]
    assert second.body == {
        "event": "STATE_CHANGED",
        "source": "FIRMWARE",
        "state": "IDLE",
        "data": {},
    }
    assert third.body["temp_bed"] == 20.5
    assert fourth.body == {"state": "IDLE"}
    assert at.contacts == ["online"]


async def test_pace_when_idle_and_printing_then_four_seconds_and_one(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(8)
        idle = [one.now_s for one in at.link.telemetry()]
        assert {b - a for a, b in itertools.pairwise(idle)} == {4.0}
        at.actions.become(job=printing())
        begun = len(at.link.telemetry())
        await at.until(lambda: len(at.link.telemetry()) > begun + 4)
        busy = [one.now_s for one in at.link.telemetry()][begun:]
        assert {b - a for a, b in itertools.pairwise(busy)} == {1.0}


async def test_telemetry_when_five_minutes_have_passed_then_full_again(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.until(lambda: at.clock.now_s > 2000)
        full = [one.now_s for one in at.link.telemetry() if "temp_bed" in one.body]
    assert len(full) >= 3
    gaps = {b - a for a, b in itertools.pairwise(full)}
    assert gaps == {300.0}


async def test_print_when_it_runs_then_states_and_job_are_told(tmp_path: Path) -> None:
    async with stand(tmp_path) as at:
        await at.next(3)
        for job in (
            printing(),
            printing(state="paused"),
            printing(),
            printing(state="complete"),
        ):
            at.actions.become(job=job)
            await at.next(3)
        told = [
            (one.kind, one.body["state"], one.body.get("job_id"))
            for one in at.link.sent
            if one.kind != "telemetry"
        ]
    assert told == [
        ("INFO", "IDLE", None),
        ("STATE_CHANGED", "IDLE", None),
        ("STATE_CHANGED", "PRINTING", 7),
        ("JOB_INFO", "PRINTING", 7),
        ("STATE_CHANGED", "PAUSED", 7),
        ("STATE_CHANGED", "PRINTING", 7),
        ("STATE_CHANGED", "FINISHED", 7),
    ]
    info = at.said(lambda one: one.kind == "JOB_INFO")[0].body["data"]
    assert info["path"] == "/gcodes/cube.gcode"
    assert info["display_name"] == "cube.gcode"


async def test_runout_when_it_pauses_a_print_then_attention_with_a_dialog(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(3)
        at.actions.become(job=printing(state="paused"), filament_runout=True)
        await at.until(lambda: "STATE_CHANGED" in at.link.events()[2:])
        told = at.said(lambda one: one.body.get("state") == "ATTENTION")[0].body
        assert told["reason"] == "The filament has run out"
        assert told["data"]["buttons"] == ["Resume", "Stop"]
        action = Command(
            id=9,
            name="DIALOG_ACTION",
            kwargs={"dialog_id": told["dialog_id"], "button": "resume"},
        )
        at.link.on_command(action)
        await at.until(lambda: "FINISHED" in at.link.events())
        assert at.actions.commands[0].name == "RESUME_PRINT"
        assert at.actions.commands[0].id == 9
        wrong = attrs.evolve(action, id=10, kwargs={"dialog_id": 99, "button": "Stop"})
        at.link.on_command(wrong)
        await at.until(lambda: "REJECTED" in at.link.events())
        other = {"dialog_id": told["dialog_id"], "button": "Explode"}
        at.link.on_command(attrs.evolve(action, id=11, kwargs=other))
        await at.until(lambda: at.link.events().count("REJECTED") == 2)
        assert len(at.actions.commands) == 1


async def test_klipper_when_it_goes_away_then_told_with_its_reason(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(3)
        at.actions.become(klippy="shutdown", message="Lost communication with MCU")
        await at.next(2)
        at.actions.become(klippy="absent", message="")
        await at.until(
            lambda: bool(at.said(lambda one: "does not answer" in str(one.body)))
        )
        at.actions.become(klippy="ready")
        await at.until(lambda: at.link.events().count("INFO") == 2)
        await at.until(lambda: at.link.events()[-1] != "INFO")
        told = [
            (one.kind, one.body["state"], one.body.get("reason"))
            for one in at.link.sent
            if one.kind != "telemetry"
        ][2:]
    assert told[0] == ("STATE_CHANGED", "ERROR", "Lost communication with MCU")
    assert told[1] == ("STATE_CHANGED", "BUSY", None)
    assert told[2] == ("MEDIUM_EJECTED", "BUSY", None)
    assert told[3] == ("STATE_CHANGED", "ERROR", "Moonraker does not answer")
    # Whoever is told of files again is told INFO first.
    assert told[4][0] == "INFO"
    assert {one[0] for one in told[5:]} <= {"STATE_CHANGED", "MEDIUM_INSERTED"}


async def test_moonraker_when_absent_at_first_then_info_without_files_and_again(
    tmp_path: Path,
) -> None:
    actions = FakeActions(attrs.evolve(READY, klippy="absent", klipper_version=""))
    actions.listing_error = MoonrakerUnavailable("no Moonraker")
    async with stand(tmp_path, actions=actions) as at:
        await at.next(4)
        first = at.link.sent[0].body
        assert "files" not in first["data"]
        assert first["state"] == "BUSY"
        actions.listing_error = None
        actions.become(klippy="ready", klipper_version="v1")
        await at.until(lambda: at.link.events().count("INFO") == 2)
        again = at.said(lambda one: one.kind == "INFO")[1].body
        assert again["data"]["files"] == FILES["files"]
        assert "MEDIUM_INSERTED" not in at.link.events()


async def test_ready_when_set_and_cancelled_then_state_before_the_answer(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(3)
        at.link.on_command(Command(id=1, name="SET_PRINTER_READY"))
        await at.until(lambda: "FINISHED" in at.link.events())
        assert at.session.states.is_ready
        at.link.on_command(Command(id=2, name="CANCEL_PRINTER_READY"))
        await at.until(lambda: at.link.events().count("FINISHED") == 2)
        at.link.on_command(Command(id=3, name="CANCEL_PRINTER_READY"))
        await at.until(lambda: "REJECTED" in at.link.events())
        told = [
            (
                one.kind,
                one.body["state"],
                one.body["source"],
                one.body.get("command_id"),
            )
            for one in at.link.sent
            if one.kind != "telemetry"
        ][2:]
    assert told == [
        ("ACCEPTED", "IDLE", "CONNECT", 1),
        ("STATE_CHANGED", "READY", "CONNECT", None),
        ("FINISHED", "READY", "CONNECT", 1),
        ("ACCEPTED", "READY", "CONNECT", 2),
        ("STATE_CHANGED", "IDLE", "CONNECT", None),
        ("FINISHED", "IDLE", "CONNECT", 2),
        ("ACCEPTED", "IDLE", "CONNECT", 3),
        ("REJECTED", "IDLE", "CONNECT", 3),
    ]


@pytest.mark.parametrize(
    ("name", "kwargs", "kind"),
    [
        ("SEND_INFO", {}, "INFO"),
        ("SEND_STATE_INFO", {}, "STATE_CHANGED"),
        ("SEND_JOB_INFO", {}, "JOB_INFO"),
        ("SEND_JOB_INFO", {"job_id": 7}, "JOB_INFO"),
        ("SEND_JOB_INFO", {"job_id": 8}, "REJECTED"),
        ("DIALOG_ACTION", {"dialog_id": 1, "button": "Stop"}, "REJECTED"),
        ("SET_PRINTER_READY", {}, "REJECTED"),
        ("PAUSE_PRINT", {}, "FINISHED"),
    ],
)
async def test_command_when_a_print_runs_then_answered_by_its_event(
    tmp_path: Path, name: str, kwargs: dict[str, Any], kind: str
) -> None:
    actions = FakeActions(attrs.evolve(READY, job=printing()))
    async with stand(tmp_path, actions=actions) as at:
        await at.next(4)
        at.link.on_command(Command(id=41, name=name, kwargs=kwargs))

        def is_answer(sent: Sent) -> bool:
            return sent.body.get("command_id") == 41 and sent.kind != "telemetry"

        await at.until(lambda: len(at.said(is_answer)) >= 2)
        answers = at.said(is_answer)
    assert [one.kind for one in answers] == ["ACCEPTED", kind]
    assert all(one.body["state"] == "PRINTING" for one in answers)
    assert all(one.body["job_id"] == 7 for one in answers)


async def test_job_info_when_nothing_is_printed_then_rejected(tmp_path: Path) -> None:
    async with stand(tmp_path) as at:
        await at.next(3)
        at.link.on_command(Command(id=1, name="SEND_JOB_INFO"))
        await at.until(lambda: "REJECTED" in at.link.events())
        refusal = at.said(lambda one: one.kind == "REJECTED")[0]
    assert refusal.body["reason"] == "No job in progress"


async def test_command_when_it_runs_then_telemetry_says_so_every_second(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(3)
        at.actions.hold()
        at.link.on_command(Command(id=77, name="LOAD_FILAMENT"))
        await at.until(
            lambda: len([t for t in at.link.telemetry() if "command_id" in t.body]) > 3
        )
        told = [t for t in at.link.telemetry() if t.body.get("command_id") == 77]
        assert told[2].now_s - told[1].now_s == 1.0
        at.actions.release()
        await at.until(lambda: "FINISHED" in at.link.events())
        await at.next(2)
        assert "command_id" not in at.link.telemetry()[-1].body


async def test_transfer_when_under_way_then_its_id_goes_with_events(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(3)
        at.actions.become(
            transfer=Transfer(
                id=5,
                path="a",
                size_bytes=10,
                done_bytes=5,
                elapsed_s=1.0,
                from_connect=True,
            )
        )
        at.actions.tell(Event(kind=EventKind.TRANSFER_INFO, source=Source.CONNECT))
        await at.until(lambda: "TRANSFER_INFO" in at.link.events())
        await at.until(
            lambda: at.link.telemetry()[-1].body.get("transfer_progress") == 50.0
        )
        told = at.said(lambda one: one.kind == "TRANSFER_INFO")[0]
        assert told.body["transfer_id"] == 5
        at.actions.become(transfer=None)
        done = EventKind.TRANSFER_FINISHED
        at.actions.tell(Event(kind=done, source=Source.CONNECT, transfer_id=5))
        await at.until(lambda: "TRANSFER_FINISHED" in at.link.events())


async def test_503_when_telemetry_gets_it_then_info_is_sent_and_then_all(
    tmp_path: Path,
) -> None:
    error = ConnectUnavailable("INFO, please", status=503)
    async with stand(tmp_path) as at:
        await at.next(5)
        at.link.fail("telemetry", error)
        await at.until(lambda: at.link.events().count("INFO") == 2)
        await at.next(1)
        assert at.link.sent[-2].kind == "INFO"
        assert at.link.sent[-1].kind == "telemetry"
        assert "temp_bed" in at.link.sent[-1].body


async def test_503_when_it_does_not_end_then_info_comes_more_and_more_rarely(
    tmp_path: Path,
) -> None:
    error = ConnectUnavailable("out of order", status=503)
    async with stand(tmp_path) as at:
        at.link.fail("telemetry", *([error] * 12))
        await at.until(lambda: len(at.link.telemetry()) > 0)
        infos = [one.now_s for one in at.link.sent if one.kind == "INFO"]
    gaps = [b - a for a, b in itertools.pairwise(infos)]
    assert len(infos) == 13
    assert gaps[0] < 2
    assert 40 < gaps[-1] < 75


async def test_outage_when_over_then_newest_state_all_answers_and_full_telemetry(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(4)
        at.link.fail("", *down(8))
        at.actions.hold()
        at.link.on_command(Command(id=3, name="PAUSE_PRINT"))
        await at.until(lambda: at.session.reporter.contact is Contact.OFFLINE)
        for job in (printing(), printing(state="paused"), printing(state="cancelled")):
            at.actions.become(job=job)
        at.actions.release()
        before = at.link.count
        await at.until(lambda: at.session.reporter.contact is Contact.ONLINE)
        first = next(one for one in at.link.telemetry() if one.number >= before)
        await at.until(lambda: "FINISHED" in at.link.events())
        told = at.said(lambda one: one.number >= before)
        kinds = [one.kind for one in told if one.kind != "telemetry"]
    assert kinds[0] == "ACCEPTED"
    assert sorted(kinds) == ["ACCEPTED", "FINISHED", "JOB_INFO", "STATE_CHANGED"]
    states = [one for one in told if one.kind == "STATE_CHANGED"]
    assert [one.body["state"] for one in states] == ["STOPPED"]
    assert "temp_bed" in first.body
    assert at.contacts == ["online", "offline", "online"]


async def test_outage_when_it_lasts_then_attempts_a_minute_apart(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(4)
        begun, count = at.clock.now_s, at.link.count
        at.link.fail("", *down(100))
        await at.until(lambda: at.session.reporter.contact is Contact.OFFLINE)
        await at.until(lambda: at.session.reporter.contact is Contact.ONLINE)
        took = at.clock.now_s - begun
    assert 80 * 60 * 0.8 < took < 110 * 60 * 1.2
    assert at.link.count - count <= 103


async def test_retry_after_when_told_then_waited_for(tmp_path: Path) -> None:
    error = ConnectUnavailable("busy", status=429, retry_after_s=500.0)
    async with stand(tmp_path) as at:
        await at.next(4)
        at.link.fail("telemetry", error)
        begun, count = at.clock.now_s, len(at.link.sent)
        await at.until(lambda: len(at.link.sent) > count)
        assert at.link.sent[-1].now_s - begun >= 500.0


async def test_token_when_refused_then_asked_rarely_and_never_forgotten(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(4)
        at.link.fail("", *([TokenRejected("gone", status=401)] * 3))
        begun = at.clock.now_s
        await at.until(lambda: at.session.reporter.contact is Contact.REFUSED)
        assert at.session.reporter.reason == "gone"
        await at.until(lambda: at.session.reporter.contact is Contact.ONLINE)
        assert at.clock.now_s - begun > 0.8 * (300 + 600 + 1200)


async def test_event_when_refused_then_the_next_ones_are_sent(tmp_path: Path) -> None:
    async with stand(tmp_path) as at:
        await at.next(4)
        at.link.fail("FILE_CHANGED", SnapshotRejected("no", status=400))
        for kind in (EventKind.FILE_CHANGED, EventKind.TRANSFER_FINISHED):
            at.actions.tell(Event(kind=kind, source=Source.WUI))
        await at.until(lambda: "TRANSFER_FINISHED" in at.link.events())
        assert "FILE_CHANGED" not in at.link.events()
        assert at.session.report()["sent"]["refused"] == 1


async def test_event_when_it_breaks_the_server_then_given_up_and_telemetry_goes_on(
    tmp_path: Path,
) -> None:
    error = ConnectUnavailable("broken", status=500)
    async with stand(tmp_path) as at:
        await at.next(4)
        at.link.fail("FILE_CHANGED", *([error] * 50))
        for kind in (EventKind.FILE_CHANGED, EventKind.TRANSFER_FINISHED):
            at.actions.tell(Event(kind=kind, source=Source.WUI))
        await at.until(lambda: "TRANSFER_FINISHED" in at.link.events())
        assert at.session.report()["sent"]["refused"] == 1


async def test_event_when_the_server_is_down_for_long_then_kept(tmp_path: Path) -> None:
    error = ConnectUnavailable("down", status=502)
    async with stand(tmp_path) as at:
        await at.next(4)
        at.link.fail("", *([error] * 30))
        at.actions.tell(Event(kind=EventKind.FILE_CHANGED, source=Source.WUI))
        await at.until(lambda: "FILE_CHANGED" in at.link.events())
        assert at.session.report()["sent"]["refused"] == 0


async def test_info_when_too_large_then_sent_without_files(tmp_path: Path) -> None:
    too_large = SnapshotRejected("too large", status=413)
    async with stand(tmp_path, ("INFO", too_large)) as at:
        await at.next(3)
        info = at.said(lambda one: one.kind == "INFO")[0].body
        assert "files" not in info["data"]


async def test_files_when_many_change_in_an_outage_then_bounded_and_info_again(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(4)
        at.link.fail("", *down(3))
        await at.until(lambda: at.session.reporter.contact is Contact.OFFLINE)
        for number in range(3 * MAX_EVENTS):
            data = {"new_path": f"/gcodes/{number}"}
            change = EventKind.FILE_CHANGED
            at.actions.tell(Event(kind=change, source=Source.WUI, data=data))
        assert at.session.report()["waiting_events"] == MAX_EVENTS
        await at.until(lambda: at.session.report()["waiting_events"] == 0)
        assert at.link.events().count("INFO") == 2
        assert at.session.report()["dropped_events"] == 2 * MAX_EVENTS


async def test_events_when_they_never_end_then_telemetry_is_not_starved(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(4)

        def more(sent: Sent) -> None:
            at.clock.now_s += 0.5
            change = EventKind.FILE_CHANGED
            at.actions.tell(Event(kind=change, source=Source.WUI))
            after(sent)

        after = at.link.after
        at.link.after = more
        at.actions.become(job=printing())
        goal = at.clock.now_s + 60
        await at.until(lambda: at.clock.now_s > goal)
        told = [one.now_s for one in at.link.telemetry()][-20:]
        assert max(b - a for a, b in itertools.pairwise(told)) <= 3.0
        at.link.after = after


async def test_session_when_files_hang_then_info_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moonraker_prusacam.connect.printer import session

    class Hanging(FakeActions):
        async def files(self) -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(session, "FILES_TIMEOUT_S", 0.01)
    async with stand(tmp_path, actions=Hanging()) as at:
        await at.next(1)
        assert "files" not in at.link.sent[0].body["data"]


async def test_session_when_closed_then_the_printer_is_left_alone(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        await at.next(1)
    assert not at.actions.on_change
    assert not at.actions.on_event
    assert not at.link.is_open
    await at.session.aclose()


async def test_week_when_it_passes_then_memory_stays(tmp_path: Path) -> None:
    def printed(day: int, sent: Sent) -> None:
        """An hour of every day is a print, and temperatures change all the time."""
        hour = (sent.now_s - begun - day * DAY_S) / 3600
        job = at.actions.view.job
        if hour < 1 and (job is None or job.id != day):
            at.actions.become(job=printing(id=day, path=f"{day}.gcode"))
        elif hour >= 1 and job is not None and job.state == "printing":
            at.actions.become(job=attrs.evolve(job, state="complete"))
        if at.link.count % 8 == 0:
            at.actions.become(nozzle_c=200.0 + at.link.count % 48)

    async with stand(tmp_path) as at:
        begun, sizes = at.clock.now_s, []
        after = at.link.after
        for day in range(7):

            def live(sent: Sent, day: int = day) -> None:
                printed(day, sent)
                if sent.now_s > begun + (day + 1) * DAY_S:
                    after(sent)

            at.link.after = live
            # Once a day Prusa Connect is away for a while.
            at.link.fail("", *down(20))
            async with asyncio.timeout(60):
                while at.clock.now_s <= begun + (day + 1) * DAY_S:
                    at._came.clear()
                    await at._came.wait()
            at.clock.waits.clear()
            gc.collect()
            sizes.append((len(gc.get_objects()), _resident_bytes()))
        counts = at.session.report()["sent"]
    assert counts["telemetry"] > 7 * 20_000
    assert at.session.report()["waiting_events"] == 0
    assert sizes[6][0] - sizes[1][0] < 100, sizes
    assert sizes[6][1] - sizes[1][1] < 1 << 20, sizes


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
