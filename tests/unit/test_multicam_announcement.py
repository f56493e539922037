# Finding a camera of ours by mDNS.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is announced, and that it follows the addresses of the host."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from typing import TYPE_CHECKING

import ifaddr
import pytest
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from moonraker_prusacam.multicam import SERVICE_TYPE
from moonraker_prusacam.multicam import host_addresses as host_addresses_module
from moonraker_prusacam.multicam.device import announcement as announcement_module
from moonraker_prusacam.multicam.device.announcement import (
    Announcement,
    addresses_of,
)
from moonraker_prusacam.multicam.host_addresses import host_addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroconf import ServiceStateChange, Zeroconf

WAIT_S = 10.0
# Other tests announce on the same loopback device.
DEVICE = f"Prusa-{secrets.token_hex(4).upper()}"
NAME = f"multiCam-{DEVICE}.{SERVICE_TYPE}"
PORT = 8090


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)


async def test_announcement_when_device_is_there_then_browsers_find_it() -> None:
    found: list[str] = []

    def changed(
        zeroconf: Zeroconf,
        service_type: str,
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        found.append(f"{state_change.name} {name}")

    announcement = Announcement(DEVICE, PORT, lambda: ["127.0.0.1"])
    browsing = AsyncZeroconf(interfaces=["127.0.0.1"])
    browser = AsyncServiceBrowser(browsing.zeroconf, SERVICE_TYPE, handlers=[changed])
    announcement.start()
    await until(lambda: f"Added {NAME}" in found)
    info = AsyncServiceInfo(SERVICE_TYPE, NAME)
    assert await info.async_request(browsing.zeroconf, 3000)
    assert info.port == PORT
    assert info.parsed_addresses() == ["127.0.0.1"]
    assert info.properties == {b"deviceId": DEVICE.encode()}
    assert "oak" not in NAME.lower()
    await announcement.aclose()
    await announcement.aclose()
    await until(lambda: f"Removed {NAME}" in found)
    await browser.async_cancel()
    await browsing.async_close()


async def test_announcement_when_addresses_change_then_announces_anew() -> None:
    addresses: list[str] = []
    announcement = Announcement(DEVICE, PORT, lambda: list(addresses))
    announcement.look_s = 0.02
    announcement.start()
    assert announcement.announced == []
    addresses.append("127.0.0.1")
    await until(lambda: announcement.announced == ["127.0.0.1"])
    addresses[:] = ["127.0.0.2"]
    await until(lambda: announcement.announced == ["127.0.0.2"])
    addresses.clear()
    await until(lambda: announcement.announced == [])
    await announcement.aclose()


async def test_announcement_when_network_fails_then_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announcement_module, "RETRY_S", 0.02)
    asked: list[int] = []

    def addresses() -> list[str]:
        asked.append(len(asked))
        if len(asked) < 3:
            raise OSError(101, "Network is unreachable")
        return ["127.0.0.1"]

    announcement = Announcement(DEVICE, PORT, addresses)
    announcement.start()
    await until(lambda: announcement.announced == ["127.0.0.1"])
    await announcement.aclose()
    assert asked[:3] == [0, 1, 2]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", []), ("::1", []), ("192.0.2.7", ["192.0.2.7"])],
)
def test_addresses_when_host_is_one_address_then_only_that(
    host: str, expected: list[str]
) -> None:
    assert addresses_of(host) == expected


def test_addresses_when_there_are_bridges_then_the_one_that_is_used_is_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Adapter:
        def __init__(self, *addresses: str) -> None:
            self.ips = [ifaddr.IP(address, 24, "x") for address in addresses]

    adapters = [Adapter("127.0.0.1"), Adapter("172.17.0.1"), Adapter("192.168.1.5")]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    monkeypatch.setattr(host_addresses_module, "_used_by", lambda *_: "192.168.1.5")
    assert host_addresses() == ["192.168.1.5", "172.17.0.1"]


def test_address_when_something_would_be_sent_then_it_is_one_of_the_hosts() -> None:
    used = host_addresses_module._used_by(socket.AF_INET, "127.0.0.9")
    assert used == "127.0.0.1"


def test_addresses_when_host_is_any_then_ipv4_is_first_and_nothing_is_loopback() -> (
    None
):
    found = [ipaddress.ip_address(each) for each in host_addresses()]
    assert not any(each.is_loopback for each in found)
    versions = [each.version for each in found]
    assert versions == sorted(versions)
    assert addresses_of("0.0.0.0") == [str(each) for each in found if each.version == 4]
    assert addresses_of("::") == [str(each) for each in found]
