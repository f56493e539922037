# Tests of the doctor's look at recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check in good and in bad health, over real sockets, disks and announcements."""

from __future__ import annotations

import asyncio
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import loads
from moonraker_prusacam.control import connect
from moonraker_prusacam.doctor import examine_without_engine, multicam
from moonraker_prusacam.doctor.engine import tell_absence
from moonraker_prusacam.doctor.examination import Options
from moonraker_prusacam.doctor.multicam import (
    examine_kernel_clock,
    examine_mdns,
    examine_multicam,
    examine_multicam_device,
    judge_clock,
    multicam_checks,
)
from moonraker_prusacam.doctor.multicam_camera import (
    examine_multicam_camera,
    judge_openness,
)
from moonraker_prusacam.emulator.multicam import Fault, FaultKind, VirtualDevice
from moonraker_prusacam.kernel_clock import ClockState
from moonraker_prusacam.multicam.controller.browser import Browser
from moonraker_prusacam.multicam.device.announcement import Announcement
from moonraker_prusacam.multicam.protocol.constants import SERVICE_TYPE
from moonraker_prusacam.multicam_options import Address, device_address
from tests.support.sources import closed_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moonraker_prusacam.config import Config
    from moonraker_prusacam.doctor import Finding

WAIT_S = 10.0
HUGE_MB = 1 << 20
LOOPBACK = ["127.0.0.1"]
TOLD: dict[str, Any] = {
    "discovery": {"enabled": True, "listening": True, "problem": None},
    "devices": [{"name": "tripod", "address": "127.0.0.1:9", "origin": "section"}],
    "sessions": [],
    "last": None,
    "cameras": [],
}
TOLD_CAMERA: dict[str, Any] = {
    "camera": "front",
    "host": "127.0.0.1",
    "port": 8090,
    "state": "ready",
    "problem": None,
    "announced_at": [],
    "recordings": {"files": 1, "bytes": 5 << 20},
}


def config(
    folder: Path, multicam: str = "", device: str = "", camera: str = "port: 0"
) -> Config:
    """A configuration with all three sections; ``device`` is its address."""
    text = (
        f"[engine]\ndata_path: {folder}\nport: 0\n[camera front]\nsource: test:\n"
        f"[multicam]\n{multicam}\n[multicam_camera front]\n{camera}\n"
    )
    if device:
        text += f"[multicam_device tripod]\naddress: {device}\n"
    return loads(text)


def only(findings: Sequence[Finding]) -> tuple[str, str, str]:
    """State, words and remedy of the one that there is."""
    (finding,) = findings
    if finding.state in ("failed", "warning"):
        assert finding.remedy, finding
    return str(finding.state), finding.found, finding.remedy or ""


@pytest.mark.parametrize(
    ("clock", "state", "words", "remedy"),
    [
        (ClockState(True, 0.012), "ok", "within 12 ms", ""),
        (ClockState(False, 16.0, "nobody sets it"), "warning", "nobody", "rtcsync"),
        (
            ClockState(False, None, "forbidden"),
            "warning",
            "forbidden",
            "install' again",
        ),
    ],
)
def test_clock_when_judged_then_the_remedy_fits(
    clock: ClockState, state: str, words: str, remedy: str
) -> None:
    told, found, advice = judge_clock(clock)
    assert told == state
    assert words in found
    assert remedy in (advice or "")


async def test_clock_when_asked_then_as_this_kernel_says() -> None:
    state, found, _ = only(await examine_kernel_clock())
    assert state in ("ok", "warning")
    assert found


async def test_multicam_when_all_is_well_then_ok(tmp_path: Path) -> None:
    state, found, _ = only(await examine_multicam(config(tmp_path), TOLD))
    assert (state, found) == ("ok", "each print is recorded")
    off = config(tmp_path, "record_prints: False")
    assert "record_prints is off" in only(await examine_multicam(off, None))[1]


async def test_multicam_when_the_disk_is_too_full_then_downloads_wait(
    tmp_path: Path,
) -> None:
    full = config(tmp_path, f"reserve_mb: {HUGE_MB}")
    state, found, remedy = only(await examine_multicam(full, TOLD))
    assert state == "failed"
    assert found.startswith("downloads wait: ")
    assert "reserve_mb" in remedy


async def test_multicam_when_the_last_videos_are_missing_then_told(
    tmp_path: Path,
) -> None:
    devices = [
        {"name": "tripod", "state": "failed", "reason": "it was away"},
        {"name": "front", "state": "collected", "reason": ""},
    ]
    told = {**TOLD, "last": {"devices": devices}}
    state, found, remedy = only(await examine_multicam(config(tmp_path), told))
    assert (state, found) == (
        "warning",
        "the last recording lacks videos: tripod: it was away",
    )
    assert "prusacam multicam collect" in remedy


async def test_multicam_when_there_is_no_device_then_told(tmp_path: Path) -> None:
    told = {**TOLD, "devices": []}
    state, found, _ = only(await examine_multicam(config(tmp_path), told))
    assert (state, found) == ("warning", "there is no device")


@pytest.mark.parametrize(
    ("discovery", "names", "device", "state", "words"),
    [
        ({}, ["phone"], "", "ok", "heard of phone"),
        ({}, [], "10.0.0.1", "ok", "listens; no device has announced itself"),
        ({}, [], "", "warning", "listens; no device has announced itself"),
        ({"listening": False}, [], "", "warning", "waits for the network"),
        (
            {"listening": False, "problem": "cannot be heard: No such device"},
            *([], "", "failed", "announcements cannot be heard: No such device"),
        ),
    ],
)
async def test_mdns_when_an_engine_listens_then_as_it_hears(
    tmp_path: Path,
    discovery: dict[str, Any],
    names: list[str],
    device: str,
    state: str,
    words: str,
) -> None:
    heard = [{"name": name, "address": "x:1", "origin": "announced"} for name in names]
    told = {
        **TOLD,
        "discovery": TOLD["discovery"] | discovery,
        "devices": [*TOLD["devices"], *heard],
    }
    found = only(await examine_mdns(config(tmp_path, device=device), told))
    assert found[:2] == (state, words)


async def test_mdns_when_no_engine_runs_then_devices_are_heard_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = partial(Browser, addresses=lambda: LOOPBACK)
    monkeypatch.setattr(multicam, "Browser", listening)
    monkeypatch.setattr(multicam, "LISTEN_S", 1.5)
    network = AsyncZeroconf(interfaces=LOOPBACK)
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"multiCam-Doctor-0A1B2C3D.{SERVICE_TYPE}",
        addresses=[socket.inet_aton("127.0.0.1")],
        port=8123,
    )
    try:
        await (await network.async_register_service(info))
        state, found, _ = only(await examine_mdns(config(tmp_path), None))
    finally:
        await network.async_close()
    assert state == "ok"
    assert "multiCam-Doctor-0A1B2C3D" in found


async def test_mdns_when_zeroconf_is_missing_then_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("zeroconf", "zeroconf.asyncio"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(multicam, "LISTEN_S", 0.05)
    state, found, remedy = only(await examine_mdns(config(tmp_path), None))
    assert state == "failed"
    assert "zeroconf" in found
    assert "pip install zeroconf" in remedy
    announcement = Announcement("Prusa-1A2B3C4D", 8090, lambda: ["127.0.0.1"])
    await announcement._run()
    assert "Prusa-1A2B3C4D: zeroconf cannot be loaded" in caplog.text
    assert announcement.announced == []


async def test_device_when_it_answers_then_dialect_and_clock_are_told() -> None:
    async with VirtualDevice("iphone") as device:
        address = device_address(device.address)
        state, found, _ = only(await examine_multicam_device("tripod", address))
    assert state == "ok"
    assert found.startswith(f"ready at {address}, dialect v2; its clock is ")


async def test_device_when_its_clock_is_wrong_then_told() -> None:
    async with VirtualDevice("published", clock_error_s=30.0) as device:
        address = device_address(device.address)
        state, found, remedy = only(await examine_multicam_device("tripod", address))
    assert state == "warning"
    assert "dialect v1; its clock is 30.0 s ahead of ours" in found
    assert "set its clock" in remedy


async def test_device_when_nothing_listens_then_told() -> None:
    address = Address("127.0.0.1", closed_port())
    state, found, remedy = only(await examine_multicam_device("tripod", address))
    assert (state, found) == (
        "failed",
        f"nothing listens at {address}: is MultiCam open there?",
    )
    assert remedy.startswith("open MultiCam on the device")


async def test_device_when_its_name_is_unknown_then_told() -> None:
    address = Address("no-such-host.invalid")
    state, found, _ = only(await examine_multicam_device("tripod", address))
    assert state == "failed"
    assert "no-such-host.invalid:8080: the name is not known" in found


async def test_device_when_it_is_a_streamer_then_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n<html></html>")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        state, found, remedy = only(await examine_multicam_device("tripod", address))
    assert state == "failed"
    assert found.startswith(f"{address} is no MultiCam device: ")
    assert "8080" in remedy


async def test_device_when_it_lets_nobody_in_then_told() -> None:
    async with VirtualDevice("iphone") as device:
        device.faults.append(Fault(FaultKind.CLOSE_AT_ONCE))
        address = device_address(device.address)
        state, found, remedy = only(await examine_multicam_device("tripod", address))
    assert state == "failed"
    assert str(address) in found
    assert "does it let this host in?" in remedy


async def test_device_when_it_refuses_then_its_words() -> None:
    async with VirtualDevice("iphone") as device:
        device.faults.append(Fault(FaultKind.CAMERA_DISCONNECTED))
        address = device_address(device.address)
        state, found, _ = only(await examine_multicam_device("tripod", address))
    assert state == "warning"
    assert found.startswith(f"{address} answers, but: ")


async def test_camera_when_all_is_well_then_ok(tmp_path: Path) -> None:
    made = config(tmp_path, camera="max_storage_mb: 16\nreserve_mb: 1\nport: 0")
    (camera,) = made.multicam.cameras
    look = partial(examine_multicam_camera, made, camera)
    closed = "only programs on this host reach it"
    assert only(await look(None))[:2] == (
        "ok",
        f"takes a free port; {closed}; room for 16 MB of recordings",
    )
    assert only(await look(TOLD_CAMERA))[:2] == (
        "ok",
        f"listens at 127.0.0.1, port 8090; {closed}; room for 11 MB of recordings",
    )


async def test_camera_when_its_port_is_taken_then_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = config(tmp_path, camera=f"port: {port}\nreserve_mb: 1")
        (camera,) = made.multicam.cameras
        state, found, remedy = only(await examine_multicam_camera(made, camera, None))
    assert (state, found) == (
        "failed",
        f"127.0.0.1, port {port}: address already in use",
    )
    assert "'port' in [multicam_camera front]" in remedy
    state, found, _ = only(await examine_multicam_camera(made, camera, None))
    assert (state, found.split(";")[0]) == ("ok", f"port {port} is free")


async def test_camera_when_the_engine_cannot_listen_then_its_words(
    tmp_path: Path,
) -> None:
    made = config(tmp_path)
    (camera,) = made.multicam.cameras
    down = {"state": "down", "problem": "cannot listen", "recordings": None}
    told = TOLD_CAMERA | down
    state, found, _ = only(await examine_multicam_camera(made, camera, told))
    assert (state, found) == ("failed", "cannot listen")


@pytest.mark.parametrize(
    ("written", "state", "words"),
    [
        ("host: 127.0.0.1\nnetworks: 0.0.0.0/0", "ok", "only programs on this host"),
        ("host: 0.0.0.0\nnetworks: 192.168.1.0/24", "ok", "192.168.1.0/24 may record"),
        ("host: 0.0.0.0", "ok", "everybody in the home network may record"),
        ("host: 0.0.0.0\nnetworks: 100.64.0.0/10", "ok", "100.64.0.0/10 may record"),
        ("host: 0.0.0.0\nnetworks: 0.0.0.0/0", "warning", "0.0.0.0/0 may record"),
        ("host: ::\nnetworks: ::/0, private", "warning", "::/0 may record and fetch"),
        ("host: 0.0.0.0\nnetworks: 8.8.8.8", "warning", "8.8.8.8/32 may record"),
    ],
)
def test_camera_when_others_reach_it_then_who_is_told(
    tmp_path: Path, written: str, state: str, words: str
) -> None:
    (camera,) = config(tmp_path, camera=written).multicam.cameras
    told = judge_openness(camera)
    assert str(told[0]) == state
    assert words in told[1]


async def test_camera_when_open_and_not_announced_then_told(tmp_path: Path) -> None:
    made = config(tmp_path, camera="host: 0.0.0.0\nreserve_mb: 1\nmax_storage_mb: 16")
    (camera,) = made.multicam.cameras
    told = {**TOLD_CAMERA, "host": "0.0.0.0"}
    state, found, _ = only(await examine_multicam_camera(made, camera, told))
    assert state == "warning"
    assert "is not announced in the network" in found
    heard = {**told, "announced_at": ["192.168.1.5"]}
    assert only(await examine_multicam_camera(made, camera, heard))[0] == "ok"
    quiet = attrs.evolve(camera, announce=False)
    assert only(await examine_multicam_camera(made, quiet, told))[0] == "ok"


async def test_camera_when_the_disk_is_small_then_told(tmp_path: Path) -> None:
    made = config(tmp_path, camera=f"port: 0\nreserve_mb: 1\nmax_storage_mb: {HUGE_MB}")
    (camera,) = made.multicam.cameras
    state, found, remedy = only(await examine_multicam_camera(made, camera, None))
    assert state == "warning"
    assert f"max_storage_mb allows {HUGE_MB}" in found
    assert "lower max_storage_mb" in remedy
    full = attrs.evolve(camera, reserve_mb=HUGE_MB, max_storage_mb=16)
    state, found, _ = only(await examine_multicam_camera(made, full, None))
    assert state == "failed"
    assert found.startswith("no recording can begin: ")


def test_checks_when_there_is_no_section_then_none() -> None:
    assert multicam_checks(loads("[camera front]\nsource: test:"), TOLD) == []


async def test_doctor_when_an_engine_runs_then_all_is_looked_at(tmp_path: Path) -> None:
    async with VirtualDevice("iphone") as device:
        made = config(tmp_path, "discover: False", device.address)
        async with Engine(made) as engine:
            await engine.multicam.devices[0].ready.wait()
            async with connect(made.engine.socket_path) as client:
                params = {"dry_run": True, "ui_url": "http://127.0.0.1:9/"}
                answer = await client.call("engine.doctor", params, timeout_s=WAIT_S)
        found = {finding["name"]: finding for finding in answer["findings"]}
        states = {name: found[name]["state"] for name in found if "multicam" in name}
        assert set(states) == {
            *("multicam", "multicam_clock", "multicam_camera", "multicam_device")
        }
        assert states["multicam_device"] == "ok"
        assert "listens at 127.0.0.1" in found["multicam_camera"]["found"]
        without = await examine_without_engine(
            made, Options(dry_run=True), tell_absence(made), is_held=True
        )
    assert {finding.name for finding in without} >= set(states)
