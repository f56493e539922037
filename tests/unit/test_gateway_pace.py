# Tests of the pace that the gateway's viewers keep.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks too much waits as long as it takes to be in order again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from moonraker_prusacam.gateway import moonraker, pace
from moonraker_prusacam.gateway.methods import METHODS
from moonraker_prusacam.gateway.pace import Pace, Paces
from tests.support.gateway import FakeMoonraker


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is waited for, instead of waiting."""
    found: list[float] = []

    async def sleep(delay_s: float) -> None:
        found.append(delay_s)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


async def test_pace_when_more_is_asked_than_at_once_then_the_rest_waits(
    waits: list[float],
) -> None:
    kept = Pace(per_second=10, burst=5)
    for _ in range(5):
        await kept.keep()
    assert waits == []
    await kept.keep()
    await kept.keep(cost=3)
    assert waits == [pytest.approx(0.1, abs=0.05), pytest.approx(0.4, abs=0.05)]


async def test_paces_when_there_are_too_many_askers_then_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "MAX_ASKERS", 2)
    paces = Paces(1, 1)
    first, second = paces.of("a"), paces.of("b")
    assert paces.of("a") is first
    paces.of("c")
    assert paces.of("a") is first
    assert paces.of("b") is not second


async def test_calls_when_dear_then_fewer_of_them(waits: list[float]) -> None:
    async with FakeMoonraker() as fake:
        asked = moonraker.Moonraker(fake.url)
        dear = METHODS["server.files.list"].cost
        count = int(moonraker.COST_AT_ONCE / dear)
        calls: list[Any] = [asked.keep_pace(dear) for _ in range(count)]
        await asyncio.gather(*calls)
        assert waits == []
        await asked.call("server.files.list", {}, dear)
        assert waits == [pytest.approx(dear / moonraker.COST_PER_SECOND, abs=0.1)]
        await asked.aclose()
