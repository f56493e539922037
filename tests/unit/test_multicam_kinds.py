# Tests of the controller with virtual devices of every kind, and their faults.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import itertools
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.emulator.multicam import (
    HARMLESS,
    HOSTILE_FILE_NAMES,
    KINDS,
    Fault,
    FaultKind,
    VirtualDevice,
)
from moonraker_prusacam.errors import MultiCamError
from moonraker_prusacam.multicam import CommandType
from moonraker_prusacam.multicam.controller import download, exchange
from moonraker_prusacam.multicam.controller.download import Download, Recording
from moonraker_prusacam.multicam_options import Address
from tests.support.multicam_bench import COMPLETE, CONFIG, PRINTING, bench, hurry

if TYPE_CHECKING:
    from pathlib import Path

MOVIE = b"\0\0\0\x10ftypqt  \0\0\0\0" + bytes(range(256)) * 500
ARCHIVE = b"PK\x03\x04" + bytes(range(256)) * 500
DEVICES = 32
DOWNLOAD_BYTES = 64 << 20


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(exchange, "ANSWER_TIMEOUT_S", 0.5)
    monkeypatch.setattr(exchange, "LIST_TIMEOUT_S", 0.5)
    monkeypatch.setattr(download, "STALL_TIMEOUT_S", 0.3)
    monkeypatch.setattr(download, "HEADER_TIMEOUT_S", 0.5)


def device(kind: str, name: str | None = None) -> VirtualDevice:
    return VirtualDevice(kind, name, content=ARCHIVE if kind == "oak" else MOVIE)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def at(virtual: VirtualDevice) -> Address:
    return Address(virtual.host, virtual.port)


@pytest.mark.parametrize("kind", KINDS)
async def test_print_when_a_device_is_of_any_kind_then_its_video_comes(
    tmp_path: Path, kind: str
) -> None:
    async with device(kind) as one, bench(tmp_path, at(one)) as made:
        await made.event("started", PRINTING)
        await made.started()
        assert made.device(0)["state"] == "recording"
        await made.event("complete", COMPLETE)
        await made.done()
        assert not one.complaints
    told = made.device(0)
    assert told["state"] == "collected", told["reason"]
    assert (made.videos / told["video"]).read_bytes() == one.content
    assert made.sidecar()["devices"][0]["sha256"] == (
        hashlib.sha256(one.content or b"").hexdigest()
    )


async def test_print_when_devices_are_at_fault_then_the_others_are_not(
    tmp_path: Path,
) -> None:
    """All faults in one print, each with a device of its own."""
    config = attrs.evolve(
        CONFIG, collect_timeout_s=2.0, stop_timeout_s=0.4, max_devices=64
    )
    async with AsyncExitStack() as stack:
        virtual = [await stack.enter_async_context(device("iphone")) for _ in FaultKind]
        for bad, fault in zip(virtual, FaultKind, strict=True):
            bad.faults.append(Fault(fault, after_bytes=1000, delay_s=30.0))
        virtual.append(await stack.enter_async_context(device("android")))
        made = await stack.enter_async_context(
            bench(tmp_path, *map(at, virtual), config=config)
        )
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    *bad_takes, good = made.session["devices"]
    assert good["state"] == "collected"
    ends = {
        fault: take["state"] for fault, take in zip(FaultKind, bad_takes, strict=True)
    }
    assert ends == {
        fault: "collected" if fault in HARMLESS else ANY for fault in FaultKind
    }
    for video in made.videos.iterdir():
        if video.suffix != ".json":
            assert video.read_bytes() == MOVIE


class _Any:
    """Equal to any end of a take: what matters is that there is one."""

    def __eq__(self, other: object) -> bool:
        return other in ("collected", "failed")

    def __hash__(self) -> int:
        return 0


ANY = _Any()


@pytest.mark.parametrize(
    ("fault", "command"),
    [
        (FaultKind.HOSTILE_HEADER, CommandType.GET_VIDEO),
        (FaultKind.HOSTILE_NAMES, None),
    ],
)
async def test_print_when_names_are_hostile_then_nothing_lies_elsewhere(
    tmp_path: Path, fault: FaultKind, command: CommandType | None
) -> None:
    config = attrs.evolve(CONFIG, collect_timeout_s=0.1)
    folder = tmp_path / "in"
    async with AsyncExitStack() as stack:
        virtual = [
            await stack.enter_async_context(device("android"))
            for _ in HOSTILE_FILE_NAMES
        ]
        for one, name in zip(virtual, HOSTILE_FILE_NAMES, strict=True):
            one.faults.append(Fault(fault, command, file_name=name))
        made = await stack.enter_async_context(
            bench(folder, *map(at, virtual), config=config)
        )
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    assert len(made.session["devices"]) == len(HOSTILE_FILE_NAMES)
    assert names(tmp_path) == ["in"]
    assert names(folder) == ["sessions", "videos"]
    for path in made.videos.rglob("*"):
        assert path.parent == made.videos
        assert path.name.lstrip(".").startswith("cube_")
        assert path.suffix in (".json", ".mp4", ".zip")


async def test_print_when_there_are_32_devices_then_all_videos_come(
    tmp_path: Path,
) -> None:
    config = attrs.evolve(CONFIG, max_devices=DEVICES, delay_s=4.0, parallel=4)
    async with AsyncExitStack() as stack:
        virtual = [
            await stack.enter_async_context(device(kind, f"D{number}"))
            for number, kind in zip(range(DEVICES), [*KINDS] * DEVICES, strict=False)
        ]
        made = await stack.enter_async_context(
            bench(tmp_path, *map(at, virtual), config=config)
        )
        await made.event("started", PRINTING)
        await made.started()
        assert [take["late_s"] for take in made.session["devices"]] == [0.0] * DEVICES
        await made.event("complete", COMPLETE)
        await made.done()
    states = [take["state"] for take in made.session["devices"]]
    assert states == ["collected"] * DEVICES, made.session["devices"]


async def test_download_when_it_is_large_then_it_comes_whole_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "BOXES", (bytes(4),))
    told: list[int] = []
    fetch = Download(1 << 40, lambda: [DiskGuard(tmp_path, 1)]).fetch
    async with VirtualDevice("published") as one:
        recording = one.add(DOWNLOAD_BYTES)
        fetched = await fetch(
            at(one),
            Recording(recording.key),
            tmp_path / "x.part",
            lambda size, _: told.append(size),
        )
    assert fetched.sha256 == recording.sha256()
    assert max(b - a for a, b in itertools.pairwise(told)) <= 2 << 20


@pytest.mark.parametrize("fault", [FaultKind.TRUNCATED, FaultKind.RESET_WITHIN])
@pytest.mark.parametrize("after", [0, 1, 1000, len(MOVIE) - 1])
async def test_download_when_it_is_cut_anywhere_then_told_and_kept(
    tmp_path: Path, fault: FaultKind, after: int
) -> None:
    part = tmp_path / "x.part"
    fetch = Download(1 << 30, lambda: [DiskGuard(tmp_path, 1)]).fetch
    async with device("published") as one:
        recording = one.add(content=MOVIE)
        one.faults.append(Fault(fault, after_bytes=after, times=1))
        asked = Recording(recording.key)
        with pytest.raises(MultiCamError) as caught:
            await fetch(at(one), asked, part, lambda *_: None)
        assert caught.value.retryable
        assert MOVIE.startswith(part.read_bytes())
        fetched = await fetch(at(one), asked, part, lambda *_: None)
    assert fetched.path.read_bytes() == MOVIE
    assert names(tmp_path) == ["x.part"]
