# Tests of devices that announce themselves.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import secrets
import socket
from typing import TYPE_CHECKING, Any

import pytest
from zeroconf import ServiceStateChange
from zeroconf._dns import DNSPointer
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from moonraker_prusacam.multicam.controller import browser as browser_module
from moonraker_prusacam.multicam.controller.browser import Browser, shown
from moonraker_prusacam.multicam.controller.roster import Device, OwnDevice, Roster
from moonraker_prusacam.multicam.protocol.constants import SERVICE_TYPE
from moonraker_prusacam.multicam_options import (
    Address,
    MultiCamConfig,
    MultiCamDeviceConfig,
    MultiCamSections,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from zeroconf import Zeroconf

TIMEOUT_S = 10.0
LOOPBACK = "127.0.0.1"
CLASS_IN, TYPE_PTR, FLAGS_RESPONSE = 1, 12, 0x8400


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

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Network:
    """Who announces; a browser listens to it.

    Other tests announce on the same loopback device, so names are of this one alone.
    """

    def __init__(self) -> None:
        self.name = f"multiCam-Test-{secrets.token_hex(4).upper()}"
        self.roster = Told(MultiCamSections(MultiCamConfig(max_devices=64)))
        self.addresses = [LOOPBACK]
        self.browser = Browser(self.roster, lambda: list(self.addresses))
        self.zeroconf = AsyncZeroconf(interfaces=[LOOPBACK])

    async def announce(
        self, name: str = "", port: int = 8123, host: str = LOOPBACK, **more: Any
    ) -> AsyncServiceInfo:
        info = AsyncServiceInfo(
            SERVICE_TYPE,
            f"{self.name}{name}.{SERVICE_TYPE}",
            parsed_addresses=[host],
            port=port,
            server=f"{self.name}.local.",
            **more,
        )
        # Nobody else has the name: to ask would take most of a second.
        await (
            await self.zeroconf.async_register_service(
                info, cooperating_responders=True
            )
        )
        return info

    def tell(self, *names: str) -> None:
        """Say that there are devices of these names, and nothing else of them."""
        packet = DNSOutgoing(FLAGS_RESPONSE)
        for name in names:
            alias = f"{name}.{SERVICE_TYPE}"
            packet.add_answer_at_time(
                DNSPointer(SERVICE_TYPE, TYPE_PTR, CLASS_IN, 120, alias), 0
            )
        self.zeroconf.zeroconf.async_send(packet)

    @property
    def heard(self) -> list[Address]:
        return [device.address for device in self.devices]

    @property
    def devices(self) -> list[Device]:
        return [
            device
            for device in self.roster.devices
            if device.name.startswith(self.name)
        ]


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Network]:
    monkeypatch.setattr(browser_module, "LOOK_S", 0.1)
    monkeypatch.setattr(browser_module, "RETRY_S", 0.1)
    monkeypatch.setattr(browser_module, "RESOLVE_TIMEOUT_MS", 300)
    made = Network()
    made.browser.start()
    yield made
    await made.zeroconf.async_close()
    await made.browser.aclose()
    await made.browser.aclose()


async def test_device_when_it_comes_and_leaves_then_known_and_forgotten(
    network: Network,
) -> None:
    info = await network.announce()
    await network.roster.until(lambda: bool(network.devices))
    assert network.devices == [
        Device(network.name, Address(LOOPBACK, 8123), "announced")
    ]
    await (await network.zeroconf.async_unregister_service(info))
    await network.roster.until(lambda: network.heard == [])


async def test_device_when_its_port_and_address_change_then_it_is_known_there(
    network: Network,
) -> None:
    info = await network.announce()
    await network.roster.until(lambda: network.heard == [Address(LOOPBACK, 8123)])
    info.port, info.addresses = 8124, [socket.inet_aton("127.0.0.9")]
    await (await network.zeroconf.async_update_service(info))
    await network.roster.until(lambda: network.heard == [Address("127.0.0.9", 8124)])


async def test_device_when_it_has_ipv6_only_then_known(network: Network) -> None:
    await network.announce(host="::1")
    await network.roster.until(lambda: network.heard == [Address("::1", 8123)])


@pytest.mark.parametrize(
    "properties",
    [
        {b"deviceId": b"\xff\xfe\x00\n" * 60},
        {b"": b""},
        {b"deviceId" + bytes([number]): bytes(200) for number in range(30)},
    ],
)
async def test_device_when_its_text_is_hostile_then_it_is_a_device_all_the_same(
    network: Network, properties: dict[bytes, bytes]
) -> None:
    await network.announce(properties=properties)
    await network.roster.until(lambda: network.heard == [Address(LOOPBACK, 8123)])


async def test_names_when_they_are_hostile_then_the_others_are_heard(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = ["../a", "a\x1b[2J\n", "\u202eb", "x" * 63, "nul\0", "a.b.c", " "]
    network.tell(*hostile)
    await network.announce()
    await network.roster.until(lambda: bool(network.heard))
    # Some of them are names, and none has an address.
    assert network.heard == [Address(LOOPBACK, 8123)]
    assert "Task" not in caplog.text


async def test_device_when_a_thousand_others_only_tell_names_then_it_is_known(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_module, "RESOLVE_TIMEOUT_MS", 30_000)
    await network.announce("first", 8001)
    await network.roster.until(lambda: len(network.heard) == 1)
    zeroconf = network.zeroconf.zeroconf
    for number in range(1000):  # not by multicast, which others hear as well
        name = f"nobody{number}.{SERVICE_TYPE}"
        network.browser._changed(zeroconf, SERVICE_TYPE, name, ServiceStateChange.Added)
    await network.announce("second", 8002)
    await network.roster.until(lambda: len(network.heard) == 2)
    assert network.browser._resolving <= browser_module.MAX_RESOLVING
    assert len(network.browser._known) <= browser_module.MAX_KNOWN


def test_devices_when_more_than_a_thousand_then_memory_has_a_bound() -> None:
    roster = Roster(MultiCamSections(MultiCamConfig()))
    browser = Browser(roster, list)
    browser._resolving = browser_module.MAX_RESOLVING  # all are busy
    for number in range(2000):
        name = f"d{number}.{SERVICE_TYPE}"
        browser._changed(None, SERVICE_TYPE, name, ServiceStateChange.Added)
    assert len(browser._known) == len(browser._unresolved) == browser_module.MAX_KNOWN
    for number in range(2000):
        name = f"d{number}.{SERVICE_TYPE}"
        browser._changed(None, SERVICE_TYPE, name, ServiceStateChange.Removed)
    assert not browser._known
    assert not browser._unresolved


async def test_device_when_its_first_answer_is_lost_then_it_is_asked_again(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = browser_module._address_of

    async def lossy(zeroconf: Zeroconf, name: str) -> Address | None:
        if name.startswith(network.name):
            asked.append(name)
        return await ask(zeroconf, name) if len(asked) > 2 else None

    monkeypatch.setattr(browser_module, "_address_of", lossy)
    monkeypatch.setattr(browser_module, "_heard_address", lambda *_: None)
    await network.announce()
    await network.roster.until(lambda: network.heard == [Address(LOOPBACK, 8123)])
    assert len(asked) >= 3  # a slow answer is as good as a lost one


async def test_network_when_it_comes_after_the_engine_then_devices_are_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser_module, "LOOK_S", 0.05)
    monkeypatch.setattr(browser_module, "RETRY_S", 0.05)
    network = Network()
    answers: list[Any] = [[], OSError(19, "No such device"), [LOOPBACK]]

    def addresses() -> list[str]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        return list(answer)

    network.browser._addresses = addresses
    await network.announce()
    network.browser.start()
    try:
        await network.roster.until(lambda: network.heard == [Address(LOOPBACK, 8123)])
    finally:
        await network.browser.aclose()
        await network.zeroconf.async_close()


async def test_device_when_it_left_while_the_network_changed_then_forgotten(
    network: Network,
) -> None:
    info = await network.announce()
    await network.roster.until(lambda: len(network.heard) == 1)
    network.addresses = []
    await network.roster.until(lambda: network.heard == [])
    network.addresses = [LOOPBACK]
    await network.roster.until(lambda: len(network.heard) == 1)
    assert info.name == f"{network.name}.{SERVICE_TYPE}"


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


def test_devices_when_a_camera_of_ours_announces_itself_then_it_is_one() -> None:
    ours = OwnDevice("front", Address("127.0.0.1", 8090), "multiCam-Prusa-0A1B2C3D")
    roster = Roster(MultiCamSections(MultiCamConfig()), lambda: [ours])
    roster.announce("multiCam-Prusa-0A1B2C3D", Address("192.168.1.5", 8090))
    roster.announce("multiCam-x", Address("192.168.1.6"))
    assert [device.name for device in roster.devices] == ["front", "multiCam-x"]
