# Tests of job events.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine is told of a print, whatever Moonraker's events leave out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.component import jobs
from moonraker_prusacam.component.errors import EngineAbsent
from moonraker_prusacam.component.jobs import JobEvents
from moonraker_prusacam.component.print_state import PrintState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT_S = 5.0

IDLE = {
    "state": "standby",
    "filename": "",
    "total_duration": 0.0,
    "print_duration": 0.0,
    "message": "",
    "info": {"total_layer": None, "current_layer": None},
}
PRINTING = {
    "state": "printing",
    "filename": "parts/benchy.gcode",
    "total_duration": 12.5,
    "print_duration": 10.0,
    "message": "",
    "info": {"total_layer": 240, "current_layer": 3},
}


METADATA: dict[str, dict[str, Any]] = {
    "parts/benchy.gcode": {
        "slicer": "PrusaSlicer",
        "layer_count": 240,
        "filament_total": 3812.5,
        "estimated_time": float("nan"),
        "thumbnails": [{"width": 32}],
        "filament_type": "",
    }
}


class ServerError(Exception):
    """Stands for Moonraker's."""


class FakeMoonraker:
    """Server, Klippy connection, Klippy API and file manager in one."""

    error = ServerError

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[..., None]] = {}
        self.ready = True
        self.print_stats: dict[str, Any] = IDLE
        self.virtual_sdcard: dict[str, Any] = {"file_path": None}
        self.fault: Exception | None = None
        self.hangs = False
        self.queries = 0
        self._queried = asyncio.Event()

    async def wait_for_query(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.queries < count:
                self._queried.clear()
                await self._queried.wait()

    def lookup_component(self, _name: str) -> FakeMoonraker:
        return self

    def register_event_handler(self, event: str, handler: Callable[..., None]) -> None:
        self.handlers[event] = handler

    def is_ready(self) -> bool:
        return self.ready

    def get_directory(self, root: str) -> str:
        assert root == "gcodes"
        return "/data/gcodes"

    def get_file_metadata(self, filename: str) -> dict[str, Any]:
        return METADATA.get(filename, {})

    async def query_objects(self, objects: dict[str, None]) -> dict[str, Any]:
        self.queries += 1
        self._queried.set()
        assert objects == {"print_stats": None, "virtual_sdcard": None}
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        return {"print_stats": self.print_stats, "virtual_sdcard": self.virtual_sdcard}

    def send(self, event: str, *arguments: Any) -> None:
        self.handlers[event](*arguments)

    def state_changed(self, event: str, print_stats: dict[str, Any]) -> None:
        self.send("job_state:state_changed", event, IDLE, print_stats)


class FakeLink:
    """Records ``job.event``s."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.up = True
        self.refused = asyncio.Event()
        self._changed = asyncio.Event()

    def notify(self, method: str, params: dict[str, Any]) -> None:
        assert method == "job.event"
        if not self.up:
            self.refused.set()
            raise EngineAbsent("gone")
        self.sent.append(params)
        self._changed.set()

    async def wait_for(self, count: int) -> list[str]:
        async with asyncio.timeout(WAIT_S):
            while len(self.sent) < count:
                self._changed.clear()
                await self._changed.wait()
        return [event["event"] for event in self.sent]


@pytest.fixture
def moonraker() -> FakeMoonraker:
    return FakeMoonraker()


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def job_events(moonraker: FakeMoonraker, link: FakeLink) -> Iterator[JobEvents]:
    it = JobEvents(moonraker, link)  # type: ignore[arg-type]
    yield it
    it.stop()


async def test_start_when_klippy_is_ready_then_syncs_with_queried_state(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents
) -> None:
    moonraker.print_stats = PRINTING
    before_ns = time.monotonic_ns()
    job_events.start()
    await link.wait_for(1)
    assert before_ns <= link.sent[0].pop("monotonic_ns") <= time.monotonic_ns()
    assert link.sent == [
        {
            "event": "sync",
            "print": {
                "state": "printing",
                "filename": "parts/benchy.gcode",
                "total_duration_s": 12.5,
                "print_duration_s": 10.0,
                "layer": 3,
                "total_layers": 240,
                "message": "",
            },
            "file": {
                "slicer": "PrusaSlicer",
                "layer_count": 240,
                "filament_total": 3812.5,
            },
        }
    ]


async def test_start_when_klippy_is_not_ready_then_syncs_with_null(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents
) -> None:
    moonraker.ready = False
    job_events.start()
    await link.wait_for(1)
    assert link.sent[0]["print"] is None
    assert link.sent[0]["file"] == {}
    assert moonraker.queries == 0


async def test_start_when_klippy_hangs_then_syncs_with_null_in_time(
    moonraker: FakeMoonraker,
    link: FakeLink,
    job_events: JobEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "QUERY_TIMEOUT_S", 0.02)
    moonraker.hangs = True
    job_events.start()
    assert await link.wait_for(1) == ["sync"]
    assert link.sent[0]["print"] is None


async def test_print_when_it_runs_then_every_event_is_sent_in_order(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents
) -> None:
    job_events.start()
    moonraker.send("server:gcode_response", "File opened:parts/benchy.gcode Size:9")
    moonraker.send("server:gcode_response", "File selected")
    moonraker.print_stats = PRINTING
    moonraker.state_changed("started", PRINTING)
    moonraker.send("job_state:layer_changed", 3, 240)
    moonraker.state_changed("paused", {**PRINTING, "state": "paused"})
    moonraker.state_changed("resumed", PRINTING)
    moonraker.state_changed("complete", {**PRINTING, "state": "complete"})
    moonraker.send("history:history_changed", {"action": "added", "job": {}})
    moonraker.send("history:history_changed", {"action": "finished", "job": {}})
    assert await link.wait_for(8) == [
        "sync",
        "selected",
        "started",
        "layer",
        "paused",
        "resumed",
        "complete",
        "finished",
    ]
    assert {event["print"]["filename"] for event in link.sent[2:]} == {
        "parts/benchy.gcode"
    }
    states = [event["print"]["state"] for event in link.sent[3:]]
    assert states == ["printing", "paused", "printing", "complete", "complete"]


@pytest.mark.parametrize("name", ["", "the one before.gcode"])
async def test_started_when_event_has_no_or_a_stale_name_then_klippy_s_is_told(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents, name: str
) -> None:
    job_events.start()
    await link.wait_for(1)
    moonraker.print_stats = PRINTING
    wrong = {**PRINTING, "filename": name}
    moonraker.state_changed("started", wrong)
    moonraker.state_changed("paused", {**wrong, "state": "paused"})
    await link.wait_for(3)
    assert [event["print"]["filename"] for event in link.sent[1:]] == [
        "parts/benchy.gcode",
        "parts/benchy.gcode",
    ]


async def test_started_when_query_fails_then_the_event_s_state_is_sent(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents
) -> None:
    job_events.start()
    await link.wait_for(1)
    moonraker.fault = ServerError("Klippy Host not connected")
    moonraker.state_changed("started", PRINTING)
    moonraker.send("job_state:layer_changed", 4, 240)
    await link.wait_for(3)
    assert link.sent[1]["print"]["filename"] == "parts/benchy.gcode"
    assert link.sent[2]["print"] == link.sent[1]["print"]


async def test_print_when_its_start_was_lost_after_ready_then_sync_heals_it(
    moonraker: FakeMoonraker,
    link: FakeLink,
    job_events: JobEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "SETTLE_S", 0.02)
    job_events.start()
    await link.wait_for(1)
    moonraker.send("server:klippy_ready")
    await link.wait_for(2)
    moonraker.print_stats = PRINTING
    assert await link.wait_for(3) == ["sync", "sync", "sync"]
    assert [event["print"]["state"] for event in link.sent] == [
        "standby",
        "standby",
        "printing",
    ]


async def test_print_when_only_its_selection_was_told_then_sync_follows(
    moonraker: FakeMoonraker,
    link: FakeLink,
    job_events: JobEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "SETTLE_S", 0.02)
    job_events.start()
    await link.wait_for(1)
    moonraker.print_stats = PRINTING
    moonraker.send("server:gcode_response", "File selected")
    moonraker.send("job_state:layer_changed", 3, 240)
    assert await link.wait_for(4) == ["sync", "selected", "layer", "sync"]


async def test_check_when_events_told_all_then_sends_nothing(
    moonraker: FakeMoonraker,
    link: FakeLink,
    job_events: JobEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "SETTLE_S", 0.0)
    job_events.start()
    moonraker.print_stats = PRINTING
    moonraker.send("server:gcode_response", "File selected")
    moonraker.state_changed("started", PRINTING)
    await link.wait_for(3)
    await moonraker.wait_for_query(4)
    moonraker.send("history:history_changed", {"action": "finished"})
    assert await link.wait_for(4) == ["sync", "selected", "started", "finished"]


async def test_emergency_stop_when_followed_by_paused_then_only_shutdown_is_told(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents
) -> None:
    moonraker.print_stats = PRINTING
    job_events.start()
    await link.wait_for(1)
    moonraker.ready = False
    moonraker.send("server:klippy_shutdown")
    moonraker.state_changed("paused", {**PRINTING, "state": "paused"})
    moonraker.send("job_state:layer_changed", 9, 240)
    moonraker.send("history:history_changed", {"action": "finished"})
    moonraker.send("server:klippy_disconnect")
    assert await link.wait_for(4) == ["sync", "shutdown", "finished", "disconnected"]
    assert {event["print"]["state"] for event in link.sent} == {"printing"}
    moonraker.ready, moonraker.print_stats = True, IDLE
    moonraker.send("server:klippy_ready")
    await link.wait_for(5)
    assert link.sent[4]["print"]["state"] == "standby"


async def test_events_when_link_is_down_then_are_dropped_and_sync_comes_first(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents
) -> None:
    for _ in range(1000):
        moonraker.state_changed("paused", PRINTING)
    moonraker.hangs = True
    job_events.start()
    moonraker.state_changed("paused", PRINTING)
    job_events.stop()
    moonraker.state_changed("resumed", PRINTING)
    moonraker.hangs, moonraker.print_stats = False, PRINTING
    job_events.start()
    moonraker.state_changed("complete", {**PRINTING, "state": "complete"})
    assert await link.wait_for(2) == ["sync", "complete"]


async def test_events_when_they_pile_up_then_one_sync_replaces_them(
    moonraker: FakeMoonraker,
    link: FakeLink,
    job_events: JobEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "QUERY_TIMEOUT_S", 0.05)
    moonraker.hangs = True
    job_events.start()
    await moonraker.wait_for_query(1)
    for _ in range(jobs.MAX_QUEUED):
        moonraker.state_changed("paused", {**PRINTING, "state": "paused"})
    moonraker.state_changed("resumed", PRINTING)
    assert await link.wait_for(3) == ["sync", "sync", "resumed"]
    assert link.sent[2]["print"]["state"] == "printing"


async def test_events_when_sending_fails_then_the_next_is_sent(
    moonraker: FakeMoonraker, link: FakeLink, job_events: JobEvents
) -> None:
    link.up = False
    job_events.start()
    async with asyncio.timeout(WAIT_S):
        await link.refused.wait()
    link.up = True
    moonraker.state_changed("paused", {**PRINTING, "state": "paused"})
    assert await link.wait_for(1) == ["paused"]


@pytest.mark.parametrize(
    ("file_path", "filename"),
    [
        ("/data/gcodes/parts/benchy.gcode", "parts/benchy.gcode"),
        ("/data/gcodes/benchy.gcode", "benchy.gcode"),
        ("/elsewhere/benchy.gcode", "benchy.gcode"),
        ("/data/gcodes2/benchy.gcode", "benchy.gcode"),
        (None, ""),
        ("", ""),
        (7, ""),
    ],
)
def test_print_state_when_print_stats_has_no_name_then_sdcard_gives_it(
    file_path: object, filename: str
) -> None:
    state = PrintState.parse(
        {**PRINTING, "filename": ""},
        virtual_sdcard={"file_path": file_path},
        gcodes_path="/data/gcodes",
    )
    assert state.filename == filename


def test_print_state_when_idle_then_forgets_the_last_name() -> None:
    printing = PrintState.parse(PRINTING)
    ended = PrintState.parse({"state": "complete", "filename": "stale.gcode"})
    assert ended.of_file(printing).filename == printing.filename
    assert ended.of_file(PrintState.parse(IDLE)).filename == "stale.gcode"
    assert ended.of_file(None) == ended
    assert not PrintState.parse(IDLE).of_file(printing).filename


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(sorted(IDLE)), json_values),
    st.dictionaries(st.just("file_path"), json_values),
)
def test_print_state_when_fields_are_anything_then_types_hold(
    print_stats: dict[str, Any], virtual_sdcard: dict[str, Any]
) -> None:
    state = PrintState.parse(
        print_stats, virtual_sdcard=virtual_sdcard, gcodes_path="/data/gcodes"
    )
    assert isinstance(state.state, str)
    assert isinstance(state.filename, str)
    assert 0 <= state.total_duration_s < float("inf")
    assert 0 <= state.print_duration_s < float("inf")
    assert state.layer is None or state.layer >= 0
    assert state.total_layers is None or state.total_layers >= 0
