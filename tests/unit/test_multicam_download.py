# Tests of recordings on their way.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that are slow, disks that are full, and a print beside them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import DiskRefused, MultiCamUnavailable
from moonraker_prusacam.multicam.controller import (
    collector,
    controller,
    download,
    sessions,
)
from moonraker_prusacam.multicam.controller.download import Download, Recording
from moonraker_prusacam.multicam.controller.part_file import PartFile, broken_part
from tests.support.multicam_bench import (
    COMPLETE,
    CONFIG,
    LOOK_S,
    PRINTING,
    TIMEOUT_S,
    bench,
    hurry,
)
from tests.support.multicam_peer import VIDEO, Peer

if TYPE_CHECKING:
    from pathlib import Path

MB = 1 << 20


@attrs.frozen
class Disk(DiskGuard):
    """A file system with so much room, of which ``path`` takes what is in it."""

    capacity_bytes: int = 0
    asked: list[int] = attrs.Factory(list)

    def lacking_for(self, size_bytes: int) -> int:
        self.asked.append(size_bytes)
        taken = sum(each.stat().st_size for each in self.path.iterdir())
        return max(0, size_bytes + taken - self.capacity_bytes)


def guards(path: Path, capacity_bytes: int) -> list[DiskGuard]:
    return [Disk(path, capacity_bytes=capacity_bytes)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_download_when_a_device_trickles_then_it_is_as_good_as_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_TIMEOUT_S", 0.3)
    fetch = Download(MB, lambda: [DiskGuard(tmp_path, 1)]).fetch
    async with Peer() as peer:
        peer.trickle_s, peer.file_name = 0.02, "a.mp4"
        with pytest.raises(MultiCamUnavailable, match="octets in 0 s came"):
            await fetch(
                peer.address, Recording("a"), tmp_path / "0.part", lambda *_: None
            )


async def test_collection_when_devices_are_slow_then_others_do_not_wait_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_TIMEOUT_S", 60.0)
    monkeypatch.setattr(collector, "LOOK_S", 0.1)
    config = attrs.evolve(CONFIG, parallel=1)
    async with (
        Peer("slow") as slow,
        Peer("quick") as quick,
        bench(tmp_path, slow, quick, config=config) as made,
    ):
        slow.trickle_s = 0.02
        quick.finish_s = 0.3  # so that the slow one is the first
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.until(lambda: made.device(1)["state"] == "collected")
        assert made.device(0)["state"] == "stopped"


async def test_download_when_others_are_under_way_then_their_room_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_TIMEOUT_S", 60.0)
    guard = Disk(tmp_path, capacity_bytes=10 * MB)
    downloads = Download(MB, lambda: [guard])
    async with Peer() as one, Peer() as other:
        for peer in (one, other):
            peer.file_name = "a.mp4"
            peer.trickle_s = 0.02
        fetching = asyncio.gather(
            *(
                downloads.fetch(
                    peer.address,
                    Recording("a"),
                    tmp_path / f"{peer.port}.part",
                    lambda *_: None,
                )
                for peer in (one, other)
            )
        )
        async with asyncio.timeout(TIMEOUT_S):
            while len(guard.asked) < 2:  # noqa: ASYNC110 - a thread asks
                await asyncio.sleep(LOOK_S)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
    assert max(guard.asked) == 2 * len(VIDEO)


def test_part_when_somebody_else_takes_the_room_then_stops_before_the_last(
    tmp_path: Path,
) -> None:
    guard = Disk(tmp_path, capacity_bytes=4 * MB)
    part = PartFile.create(tmp_path / "0.part", 3 * MB, [guard])
    part.append(bytearray(MB))
    (tmp_path / "frames").write_bytes(bytes(3 * MB + 1))
    with pytest.raises(DiskRefused, match="too little are free"):
        part.append(bytearray(MB))
    part.close()
    part.close()
    assert (tmp_path / "0.part").stat().st_size == MB


@pytest.mark.parametrize(("room", "is_kept"), [(8, True), (4, False)])
def test_part_when_begun_again_then_what_came_is_kept_if_there_is_room(
    tmp_path: Path, room: int, is_kept: bool
) -> None:
    path = tmp_path / "0.part"
    path.write_bytes(bytes(2 * MB))
    part = PartFile.create(path, 3 * MB, guards(tmp_path, room * MB))
    assert broken_part(path).exists() is is_kept
    part.append(bytearray(b"x"))
    part.finish()
    part.close()
    assert path.read_bytes() == b"x"
    assert not broken_part(path).exists()


def test_part_when_there_is_no_room_then_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(DiskRefused, match="1 MB too little"):
        PartFile.create(tmp_path / "0.part", 2 * MB, guards(tmp_path, MB))
    assert not list(tmp_path.iterdir())


def test_part_when_it_grows_then_the_disk_has_it_in_small_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    part = PartFile.create(tmp_path / "0.part", 0, guards(tmp_path, 1 << 30))
    monkeypatch.setattr("os.fdatasync", lambda _: synced.append(part.size_bytes))
    for _ in range(20):
        part.append(bytearray(MB))
    part.finish()
    part.close()
    assert synced == [8 * MB, 16 * MB, 20 * MB]


async def test_download_when_a_print_runs_then_it_takes_no_more_than_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "PRINTING_BYTES_S", 2.0 * MB)
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.video = VIDEO + bytes(4 * MB)
        await made.event("started", PRINTING)
        await made.started()
        await made.controller.stop_recording()
        begun_s = time.monotonic()
        await made.done()
        slow_s = time.monotonic() - begun_s
        assert slow_s > 1.9
        await made.event("complete", COMPLETE)
        await made.controller.start_recording(0.1)
        await made.started()
        await made.controller.stop_recording()
        begun_s = time.monotonic()
        await made.done()
        assert time.monotonic() - begun_s < slow_s


async def test_rests_when_sessions_have_followed_then_their_room_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "KEPT_RESTS", 1)
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def half() -> bytes:
            peer.answers["GET_VIDEO"] = lambda: peer.status("file_not_found")
            return peer.framed()[:50_000]

        peer.answers["GET_VIDEO"] = half
        for number in range(2):
            await made.controller.start_recording(0.1)
            await made.started()
            await made.controller.stop_recording()
            await made.done()
            first = made.sessions / made.controller.sessions[0]["id"] / "0.part"
            is_kept = number == 0
            await made.until(lambda: first.exists() is is_kept)  # noqa: B023
