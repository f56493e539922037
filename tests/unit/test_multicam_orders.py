# Tests of what people order of recordings by several devices, and when.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gives an order may leave before it is carried out."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.multicam.controller.session import Session
from tests.support.multicam_bench import TIMEOUT_S, bench, hurry
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
