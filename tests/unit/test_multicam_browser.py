# Tests of devices that announce themselves.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import socket

from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from moonraker_prusacam.multicam.controller.browser import Browser, shown
from moonraker_prusacam.multicam.controller.roster import Device, OwnDevice, Roster
from moonraker_prusacam.multicam.protocol.constants import SERVICE_TYPE
from moonraker_prusacam.multicam_options import (
    Address,
    MultiCamConfig,
    MultiCamDeviceConfig,
    MultiCamSections,
)

TIMEOUT_S = 10.0
LOOPBACK = ("127.0.0.1",)


class Told(Roster):
    """A roster that wakes who waits for it."""

    def __init__(self, sections: MultiCamSections) -> None:
        super().__init__(sections)
        self.changed = asyncio.Event()

    def announce(self, name: str, address: Address) -> None:
        super().announce(name, address)
        self.changed.set()

    def withdraw(self, name: str) -> None:
        super().withdraw(name)
        self.changed.set()

    async def change(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await self.changed.wait()
        self.changed.clear()


async def test_device_when_it_comes_and_leaves_then_known_and_forgotten() -> None:
    roster = Told(MultiCamSections(MultiCamConfig()))
    browser = Browser(roster, interfaces=LOOPBACK)
    browser.start()
    network = AsyncZeroconf(interfaces=[*LOOPBACK])
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"multiCam-Test-0A1B2C3D.{SERVICE_TYPE}",
        addresses=[socket.inet_aton("127.0.0.1")],
        port=8123,
    )
    try:
        await (await network.async_register_service(info))
        await roster.change()
        expected = Device(
            "multiCam-Test-0A1B2C3D", Address("127.0.0.1", 8123), "announced"
        )
        assert roster.devices == [expected]
        await (await network.async_unregister_service(info))
        await roster.change()
        assert roster.devices == []
    finally:
        await network.async_close()
        await browser.aclose()
        await browser.aclose()


def test_name_when_it_is_hostile_then_shown_without_harm() -> None:
    assert shown(f"a\x1b[2Jb\n.{SERVICE_TYPE}") == "a?[2Jb?"
    assert len(shown("x" * 1000)) == 64


def test_devices_when_too_many_announce_themselves_then_the_rest_is_left_out() -> None:
    roster = Roster(MultiCamSections(MultiCamConfig(max_devices=3)))
    for number in range(1000):
        roster.announce(f"d{number}", Address("10.0.0.1", number + 1))
    assert [device.name for device in roster.devices] == ["d0", "d1", "d2"]


def test_devices_when_one_with_a_section_announces_itself_then_it_is_one() -> None:
    address = Address("10.0.0.7")
    sections = MultiCamSections(
        MultiCamConfig(), (MultiCamDeviceConfig("pixel", address=address),)
    )
    roster = Roster(sections)
    roster.announce("multiCam-x", address)
    assert [device.name for device in roster.devices] == ["pixel"]


def test_takes_when_names_are_the_same_then_told_apart() -> None:
    sections = MultiCamSections(
        MultiCamConfig(), (MultiCamDeviceConfig("front", address=Address("a")),)
    )
    roster = Roster(sections, lambda: [OwnDevice("front", Address("127.0.0.1", 8090))])
    assert [take.name for take in roster.takes()] == ["front", "front 2"]
