# Tests of what people order of recordings by several devices, and when.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who orders may leave before it is done, and be ahead of who tells of the print."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.multicam.controller.session import Session
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind
from tests.support.multicam_bench import (
    COMPLETE,
    CONFIG,
    PRINTING,
    TIMEOUT_S,
    bench,
    hurry,
)
from tests.support.multicam_peer import Peer

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


class Gate:
    """Something that blocks until it may go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.is_open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        self.is_open.wait(TIMEOUT_S)


async def given_and_left(order: Coroutine[Any, Any, Session], gate: Gate) -> None:
    """Who gave ``order`` leaves as it is at the ``gate``, as a request that breaks."""
    given = asyncio.ensure_future(order)
    await asyncio.to_thread(gate.reached.wait, TIMEOUT_S)
    given.cancel()
    await asyncio.wait([given])
    gate.is_open.set()


async def test_stop_when_who_said_it_leaves_then_all_are_stopped_and_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, save = Gate(), Session.save
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.controller.start_recording()
        await made.started()

        def slow(session: Session) -> None:
            gate()
            save(session)

        monkeypatch.setattr(Session, "save", slow)
        await given_and_left(made.controller.stop_recording(), gate)
        await made.done()
        assert not peer.is_recording
    assert made.device(0)["state"] == "collected"


async def test_start_when_who_said_it_leaves_then_it_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, create = Gate(), Session.create
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def slow(*arguments: Any, **known: Any) -> Session:
            gate()
            return create(*arguments, **known)

        monkeypatch.setattr(Session, "create", slow)
        await given_and_left(made.controller.start_recording(), gate)
        await made.until(lambda: made.controller.sessions)
        await made.started()
        await made.controller.stop_recording()
        await made.done()
    assert made.device(0)["state"] == "collected"


@pytest.mark.parametrize("is_eager", [True, False])
async def test_start_when_a_macro_is_ahead_of_its_print_then_it_ends_with_that(
    tmp_path: Path, is_eager: bool
) -> None:
    config = attrs.evolve(CONFIG, record_prints=is_eager)
    async with Peer() as peer, bench(tmp_path, peer, config=config) as made:
        selected_ns = time.monotonic_ns()
        await made.controller.start_recording()
        # Its state is asked for, so it is told late, and of a print that runs.
        selected = PrintEvent(PrintEventKind.SELECTED, PRINTING, selected_ns)
        await made.controller.handle(selected)
        await made.event("started", attrs.evolve(PRINTING, total_duration_s=0.2))
        await made.started()
        assert made.session["state"] == "recording"
        await made.event("complete", COMPLETE)
        await made.done()
        assert not peer.is_recording
    (session,) = made.controller.sessions
    assert (session["manual"], session["filename"]) == (False, "cube.gcode")
    assert made.device(0)["video"].startswith("cube_")


async def test_start_when_a_print_begins_much_later_then_it_lasts_until_stop(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.controller.start_recording()
        await made.started()
        later_ns = time.monotonic_ns() + 60 * 1_000_000_000
        started = PrintEvent(PrintEventKind.STARTED, PRINTING, later_ns)
        await made.controller.handle(started)
        await made.event("complete", COMPLETE)
        assert made.session["state"] == "recording"
        assert made.session["manual"]


async def test_collect_when_there_is_a_newer_session_then_the_notice_says_so(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.answers["GET_VIDEO"] = lambda: peer.status("error")
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
        del peer.answers["GET_VIDEO"]
        await made.controller.start_recording()
        await made.started()
        await made.controller.stop_recording()
        await made.done()
        assert made.notices[-1]["newest"] is True
        old = made.controller.sessions[0]["id"]
        await made.controller.collect(old)
        await made.until(lambda: made.controller.sessions[0]["state"] == "done")
        last = made.notices[-1]
        assert (last["session"]["id"], last["newest"]) == (old, False)
