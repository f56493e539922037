# Who records with us.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices with a section, cameras of ours, and those that announce themselves.

What is announced where a device with a section listens is that device. One that has
two names is recognised by its id when it is asked.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import MultiCamError

from .exchange import ask_status
from .session import Take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from moonraker_prusacam.multicam_options import Address, MultiCamSections

MAX_ANNOUNCED = 64
ORIGINS = ("section", "camera", "announced")


def _nothing(file_id: str | None, file_name: str | None) -> Path | None:
    """No file of this host."""


def _ignore(length_s: float) -> None:
    """It takes all frames, whatever comes."""


@attrs.frozen
class OwnDevice:
    """A camera of ours; others hear of it by ``announced_as``.

    ``recorded`` finds the file of a recording by its id or its name, and blocks;
    ``expect`` is told how many seconds are still to be recorded.
    """

    name: str
    address: Address
    announced_as: str = ""
    recorded: Callable[[str | None, str | None], Path | None] = _nothing
    expect: Callable[[float], None] = _ignore


@attrs.frozen
class Device:
    """A device and where it was heard of, one of ``ORIGINS``."""

    name: str
    address: Address
    origin: str
    file_key: str = "auto"


class Roster:
    """All devices that are known now."""

    def __init__(
        self,
        sections: MultiCamSections,
        own: Callable[[], Iterable[OwnDevice]] = tuple,
    ) -> None:
        self._sections = sections
        self._own = own
        self._announced: dict[str, Device] = {}

    def announce(self, name: str, address: Address) -> None:
        """A device tells its address, or that it has another."""
        if name in self._announced or len(self._announced) < MAX_ANNOUNCED:
            self._announced[name] = Device(name, address, "announced")

    def withdraw(self, name: str) -> None:
        """A device says that it leaves."""
        self._announced.pop(name, None)

    @property
    def devices(self) -> list[Device]:
        """Those with a section, cameras of ours, then those that are announced."""
        known = [
            Device(device.name, device.address, "section", device.file_key)
            for device in self._sections.devices
        ]
        own = list(self._own())
        known += [Device(camera.name, camera.address, "camera") for camera in own]
        ours = {camera.announced_as for camera in own}
        known += [
            device for name, device in self._announced.items() if name not in ours
        ]
        found: dict[Address, Device] = {}
        for device in known:
            found.setdefault(device.address, device)
        limit = self._sections.multicam.max_devices if self._sections.multicam else 0
        return list(found.values())[:limit]

    def takes(self) -> list[Take]:
        """A take of each device, for a session that begins; names are all different."""
        cameras = {own.address: own.name for own in self._own()}
        return [
            Take(
                name=name,
                camera=cameras.get(device.address, ""),
                host=device.address.host,
                port=device.address.port,
                file_key=device.file_key,
            )
            for name, device in self._named().items()
        ]

    def own_file(self, take: Take) -> Path | None:
        """The file of a recording by a camera of ours; blocks."""
        for own in self._own():
            if own.address == take.address:
                return own.recorded(take.file_id, take.file_name)
        return None

    def expect(self, length_s: float) -> None:
        """Tell cameras of ours how long a print still takes, as far as known."""
        for own in self._own():
            own.expect(length_s)

    def locate(self, take: Take) -> None:
        """Correct the address of a device that has another one by now."""
        if (device := self._named().get(take.device_name)) is not None:
            take.host, take.port = device.address.host, device.address.port

    def _named(self) -> dict[str, Device]:
        named: dict[str, Device] = {}
        for device in self.devices:
            name, number = device.name, 1
            while name in named:
                number += 1
                name = f"{device.name} {number}"
            named[name] = device
        return named

    async def look(self) -> list[dict[str, Any]]:
        """Ask all devices how they are; each answers, or is told why it did not."""
        return list(await asyncio.gather(*map(_look, self.devices)))


async def _look(device: Device) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": device.name,
        "address": str(device.address),
        "origin": device.origin,
    }
    try:
        exchange = await ask_status(device.address)
    except MultiCamError as error:
        return {**told, "state": "unavailable", "reason": str(error)}
    answer = exchange.answer
    return {
        **told,
        "state": answer.status,
        "reason": answer.message or "",
        "recording": answer.isRecording,
        "device_id": answer.deviceId,
        "device_type": answer.deviceType or "",
        "dialect": "" if answer.dialect is None else answer.dialect.value,
        "battery_level": answer.batteryLevel,
        "clock_offset_s": round(exchange.clock_offset_s, 4),
        "clock_uncertainty_s": round(exchange.uncertainty_s, 4),
        "asked": round(time.time(), 3),
    }
