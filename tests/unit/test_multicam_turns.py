# Tests of the order in which devices are told what to do.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio

from moonraker_prusacam.multicam.controller.turns import Turns
from moonraker_prusacam.multicam_options import Address

HERE, THERE = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
WAIT_S = 5.0


async def test_turns_when_two_devices_have_changed_places_then_each_has_its_own() -> (
    None
):
    turns, served = Turns([]), []

    async def serve(*places: Address) -> None:
        async with turns.at(*places):
            served.append(places)
            await asyncio.sleep(0)

    async with turns.at(HERE, THERE):
        both = asyncio.gather(serve(HERE, THERE), serve(THERE, HERE))
        await asyncio.sleep(0)  # both wait
        assert served == []
    async with asyncio.timeout(WAIT_S):
        await both
    assert len(served) == 2


async def test_turns_when_one_place_is_named_twice_then_it_is_held_once() -> None:
    turns = Turns([])
    async with asyncio.timeout(WAIT_S), turns.at(HERE, HERE):
        pass
    async with asyncio.timeout(WAIT_S), turns.at(HERE):
        pass
