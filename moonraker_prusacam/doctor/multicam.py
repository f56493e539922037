# Recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether devices can be found, reached and told of one instant.

``told`` is the engine's ``multicam.status``, None where no engine runs: then devices
with a section are asked from here, and others are listened for for a moment.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import MultiCamError, MultiCamUnavailable
from moonraker_prusacam.kernel_clock import read_clock
from moonraker_prusacam.multicam.controller.browser import Browser
from moonraker_prusacam.multicam.controller.exchange import ask_status
from moonraker_prusacam.multicam.controller.roster import Roster
from moonraker_prusacam.multicam_options import device_address

from .finding import Finding, State
from .host import MB, existing
from .multicam_camera import examine_multicam_camera
from .network import SET_CLOCK
from .runner import Check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moonraker_prusacam.config import Config
    from moonraker_prusacam.kernel_clock import ClockState
    from moonraker_prusacam.multicam.controller.exchange import Exchange
    from moonraker_prusacam.multicam_options import Address

ASK_TIMEOUT_S = 20.0  # a connection and an answer, with what they may take
FILE_TIMEOUT_S = 5.0
LISTEN_S = 3.0
"""How long announcements are waited for; devices answer a question at once."""

TOLERATED_CLOCK_S = 1.0
MAX_SHOWN = 8
NO_ZEROCONF = (
    "install prusacam anew, or into the engine's environment: pip install zeroconf"
)
NO_MULTICAST = (
    "look at the host's network; devices with a [multicam_device NAME] section are "
    "there all the same"
)
NONE_HEARD = (
    "open MultiCam on the devices, in the same network; guest networks and some Wi-Fi "
    "hold announcements back: then give the device a [multicam_device NAME] section"
)
OPEN_IT = (
    "open MultiCam on the device, in the same network as this host; where its address "
    "changes, give it a fixed one in the router"
)
LET_US_IN = (
    "it takes connections and does not answer: does it let this host in? For a camera "
    "of ours, 'networks' of its section says so"
)
WHO_IS_IT = (
    "compare the address: phones listen on port 8080, and so do streamers on the hosts "
    "of printers"
)
CHRONY = "; with chrony, its configuration needs 'rtcsync'"
INSTALL_AGAIN = (
    "run 'prusacam install' again: the service of an earlier version forbids the "
    "question"
)


def multicam_checks(config: Config, told: Mapping[str, Any] | None) -> list[Check]:
    """What is to be looked at; nothing where MultiCam is not configured."""
    sections = config.multicam
    if sections.multicam is None and not sections.cameras:
        return []
    now = {camera["camera"]: camera for camera in told["cameras"]} if told else {}
    checks = [Check("multicam_clock", FILE_TIMEOUT_S, examine_kernel_clock)]
    if sections.multicam is not None:
        look = partial(examine_multicam, config, told)
        checks.append(Check("multicam", FILE_TIMEOUT_S, look))
        if sections.multicam.discover:
            hear = partial(examine_mdns, config, told)
            checks.append(Check("mdns", LISTEN_S + FILE_TIMEOUT_S, hear))
    checks += [
        Check(
            "multicam_camera",
            FILE_TIMEOUT_S,
            partial(examine_multicam_camera, config, camera, now.get(camera.camera)),
            camera.camera,
        )
        for camera in sections.cameras
    ]
    checks += [
        Check(
            "multicam_device",
            ASK_TIMEOUT_S,
            partial(examine_multicam_device, name, address),
            name,
        )
        for name, address in _devices(config, told)
    ]
    return checks


async def examine_kernel_clock() -> Sequence[Finding]:
    """Whether this host knows when an instant has come."""
    state, found, remedy = judge_clock(read_clock())
    return [Finding("multicam_clock", state, found, remedy)]


def judge_clock(clock: ClockState) -> tuple[State, str, str | None]:
    """What the kernel's word on its clock means for recordings."""
    if clock.is_synchronized:
        error_ms = (clock.max_error_s or 0.0) * 1e3
        return State.OK, f"set by the network, within {error_ms:.0f} ms", None
    found = f"{clock.reason}: cameras of ours begin late, and offsets are guesses"
    if clock.max_error_s is None:
        return State.WARNING, found, INSTALL_AGAIN
    return State.WARNING, found, SET_CLOCK + CHRONY


async def examine_multicam(
    config: Config, told: Mapping[str, Any] | None
) -> Sequence[Finding]:
    """Room for the videos, and what became of the last ones."""
    multicam = config.multicam.multicam
    reserve_bytes = (multicam.reserve_mb if multicam else 0) * MB
    folder = await asyncio.to_thread(existing, config.videos_path)
    guard = DiskGuard(folder, reserve_bytes)
    lacking = await asyncio.to_thread(guard.lacking_for, 0)
    if lacking:
        found = f"downloads wait: {lacking / MB:.0f} MB too little are free at {folder}"
        remedy = "make room, or lower reserve_mb of [multicam]"
        return [Finding("multicam", State.FAILED, found, remedy)]
    last = told["last"] if told else None
    missing = [
        f"{device['name']}: {device['reason']}"
        for device in (last["devices"] if last else ())
        if device["state"] == "failed"
    ]
    if last and missing:
        shown = "; ".join(missing[:MAX_SHOWN])
        found = f"the last recording lacks videos: {shown}"
        remedy = "'prusacam multicam collect' asks for them again, where they recorded"
        return [Finding("multicam", State.WARNING, found, remedy)]
    if told and told["discovery"]["enabled"] and not told["devices"]:
        return [Finding("multicam", State.WARNING, "there is no device", NONE_HEARD)]
    when = "each print is recorded"
    if multicam and not multicam.record_prints:
        when = "recorded when somebody says so (record_prints is off)"
    return [Finding("multicam", State.OK, when)]


async def examine_mdns(
    config: Config, told: Mapping[str, Any] | None
) -> Sequence[Finding]:
    """Whether announcements are heard, and whose."""
    if told is not None:
        discovery = told["discovery"]
        names = [d["name"] for d in told["devices"] if d["origin"] == "announced"]
        return [
            _judge_mdns(
                config, discovery["problem"], names, heard=discovery["listening"]
            )
        ]
    roster = Roster(config.multicam)
    browser = Browser(roster)
    browser.start()
    try:
        await asyncio.sleep(LISTEN_S)  # nobody tells when all have answered
        names = [d.name for d in roster.devices if d.origin == "announced"]
        return [_judge_mdns(config, browser.problem, names, heard=browser.is_listening)]
    finally:
        await browser.aclose()


def _judge_mdns(
    config: Config, problem: str | None, names: Sequence[str], *, heard: bool
) -> Finding:
    if problem:
        remedy = NO_ZEROCONF if "zeroconf" in problem else NO_MULTICAST
        return Finding("mdns", State.FAILED, f"announcements {problem}", remedy)
    if not heard:
        return Finding("mdns", State.WARNING, "waits for the network", NO_MULTICAST)
    if names:
        more = ", …" if len(names) > MAX_SHOWN else ""
        found = f"heard of {', '.join(names[:MAX_SHOWN])}{more}"
        return Finding("mdns", State.OK, found)
    found = "listens; no device has announced itself"
    if config.multicam.devices:
        return Finding("mdns", State.OK, found)
    return Finding("mdns", State.WARNING, found, NONE_HEARD)


async def examine_multicam_device(name: str, address: Address) -> Sequence[Finding]:
    """Whether a device answers, in which dialect, and how far its clock is."""
    state, found, remedy = await _ask(address)
    return [Finding("multicam_device", state, found, remedy, name)]


async def _ask(address: Address) -> tuple[State, str, str | None]:
    try:
        exchange = await ask_status(address)
    except MultiCamUnavailable as error:
        is_refused = isinstance(error.__cause__, MultiCamUnavailable)  # once connected
        return State.FAILED, str(error), LET_US_IN if is_refused else OPEN_IT
    except MultiCamError as error:
        return State.FAILED, f"{address} is no MultiCam device: {error}", WHO_IS_IT
    try:
        exchange.answer.check()
    except MultiCamError as error:
        remedy = "look at the device itself"
        return State.WARNING, f"{address} answers, but: {error}", remedy
    return judge_device(exchange, address)


def judge_device(exchange: Exchange, address: Address) -> tuple[State, str, str | None]:
    """What an answer tells."""
    answer, offset_s = exchange.answer, exchange.clock_offset_s
    dialect = answer.dialect.value if answer.dialect else "unknown"
    side = "ahead of" if offset_s > 0 else "behind"
    clock = (
        f"its clock is {_span(abs(offset_s))} {side} ours, within "
        f"{_span(exchange.uncertainty_s)}"
    )
    found = f"{answer.status} at {address}, dialect {dialect}; {clock}"
    if abs(offset_s) - exchange.uncertainty_s > TOLERATED_CLOCK_S:
        remedy = (
            "let the device set its clock by the network; until then its video begins "
            "so much earlier or later, which its offset tells"
        )
        return State.WARNING, found, remedy
    return State.OK, found, None


def _span(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _devices(
    config: Config, told: Mapping[str, Any] | None
) -> list[tuple[str, Address]]:
    """Those with a section, and those that the engine has heard of."""
    found = {device.address: device.name for device in config.multicam.devices}
    for device in told["devices"] if told else ():
        if device["origin"] == "announced":
            found.setdefault(device_address(device["address"]), device["name"])
    return [(name, address) for address, name in found.items()]
