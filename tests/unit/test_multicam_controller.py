# Tests of the controller of recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import hashlib
import struct
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.errors import MultiCamRefused
from moonraker_prusacam.multicam.controller import exchange
from moonraker_prusacam.multicam.controller.session import RECORD
from moonraker_prusacam.multicam_options import Address
from tests.support.multicam_bench import (
    COMPLETE,
    CONFIG,
    PRINTING,
    Bench,
    bench,
    hurry,
)
from tests.support.multicam_peer import VIDEO, Peer, encoded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_print_when_it_runs_and_ends_then_all_record_from_one_instant(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        peers = [
            await stack.enter_async_context(Peer(f"p{n}", is_v1=n == 2))
            for n in range(3)
        ]
        made = await stack.enter_async_context(bench(tmp_path, *peers))
        await made.event("started", PRINTING)
        await made.started()
        assert len({peer.targets[0] for peer in peers}) == 1
        assert peers[0].targets[0] == made.session["target"]
        assert made.session["target"] - made.session["created"] >= CONFIG.delay_s
        assert [take["state"] for take in made.session["devices"]] == ["recording"] * 3
        await made.event("complete", COMPLETE)
        await made.done()
    told = made.sidecar()
    assert told["job"]["file"] == "cube.gcode"
    for number, device in enumerate(told["devices"]):
        assert device["device_id"] == f"p{number}"
        assert device["dialect"] == ("v1" if number == 2 else "v2")
        slack_s = device["uncertainty_s"] + device["late_s"] + 0.05
        assert abs(device["offset_s"]) <= slack_s
        assert device["sha256"] == hashlib.sha256(VIDEO).hexdigest()
        assert (made.videos / device["video"]).read_bytes() == VIDEO
        assert device["video"].startswith("cube_")
        assert (made.videos / f".{device['video'][:-4]}.json").exists()
    assert not list(made.sessions.rglob("*.part"))


async def test_device_when_it_is_dead_then_the_others_record(tmp_path: Path) -> None:
    async with Peer() as peer, Peer("dead") as dead:
        nowhere = dead.address
        await dead.close()
        async with bench(tmp_path, peer, nowhere) as made:
            await made.event("started", PRINTING)
            await made.started()
            assert made.device(0)["state"] == "recording"
            assert made.device(1)["state"] == "failed"
            assert str(nowhere) in made.device(1)["reason"]
            await made.event("complete", COMPLETE)
            await made.done()
    assert made.device(0)["state"] == "collected"
    assert made.sidecar()["devices"][1]["video"] is None


async def test_device_when_it_is_idle_at_the_end_then_no_stop_is_said(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.event("started", PRINTING)
        await made.started()
        peer.is_recording = False
        await made.event("cancelled", COMPLETE)
        await made.done()
        assert peer.said("STOP_RECORDING") == 0
    assert made.device(0)["state"] == "failed"
    assert "no recording of this session" in made.device(0)["reason"]


async def test_device_when_it_has_ended_by_itself_then_its_video_comes_with_a_warning(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.event("started", PRINTING)
        await made.started()
        peer.is_recording, peer.file_name = False, "full.mp4"
        await made.event("complete", COMPLETE)
        await made.done()
    assert made.device(0)["state"] == "collected"
    assert made.device(0)["warning"] == "it did not record any more at the end"


async def test_stop_when_it_is_not_answered_then_the_file_is_found_by_the_list(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def never() -> None:
            peer.is_recording, peer.file_name = False, "late.mov"

        peer.answers["STOP_RECORDING"] = never
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    assert made.device(0)["state"] == "collected"
    # It is QuickTime's, which UIs list and play by this name only.
    assert made.device(0)["video"].endswith(".mp4")
    assert made.sidecar()["devices"][0]["told_name"] == "late.mov"


@pytest.mark.parametrize("is_heard", [True, False])
async def test_stop_when_the_connection_breaks_then_it_is_said_until_the_file_is_there(
    tmp_path: Path, is_heard: bool
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def final() -> None:
            del peer.answers["DEVICE_STATUS"]
            peer.is_recording, peer.file_name = False, "late.mp4"

        def breaks() -> None:
            del peer.answers["STOP_RECORDING"]
            for writer in tuple(peer._writers):
                writer.transport.abort()
            if is_heard:
                peer.answers["DEVICE_STATUS"] = lambda: peer.status("stopping")
                asyncio.get_running_loop().call_later(0.2, final)

        peer.answers["STOP_RECORDING"] = breaks
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
        assert not peer.is_recording
        assert peer.said("STOP_RECORDING") == (1 if is_heard else 2)
    assert made.device(0)["state"] == "collected"


async def test_start_when_it_is_accepted_and_not_done_then_said_again(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def lie() -> dict[str, Any]:
            del peer.answers["START_RECORDING"]
            return peer.status("scheduled_recording_accepted")

        peer.answers["START_RECORDING"] = lie
        await made.event("started", PRINTING)
        await made.started()
        assert made.device(0)["state"] == "recording"
        assert made.device(0)["late_s"] > 0
        assert peer.said("START_RECORDING") == 2


async def test_start_when_a_clock_is_not_set_then_it_begins_at_once_with_a_warning(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def refuse() -> dict[str, Any]:
            del peer.answers["START_RECORDING"]
            return peer.status("time_not_synchronized")

        peer.answers["START_RECORDING"] = refuse
        await made.event("started", PRINTING)
        await made.started()
        assert made.device(0)["state"] == "recording"
        assert "not set" in made.device(0)["warning"]
        assert made.device(0)["offset_s"] is None
        assert peer.targets[0] <= time.time()


LIES: dict[str, tuple[Callable[[Peer], Any], str]] = {
    "another file": (lambda p: p.framed(fileName="../../etc/passwd"), "another file"),
    "no size": (lambda p: p.framed(fileSize=None), "fileSize"),
    "a negative size": (lambda p: p.framed(fileSize=-1), "fileSize"),
    "an empty file": (lambda p: p.framed(fileSize=0), "empty"),
    "too large": (lambda p: p.framed(fileSize=1 << 50), "max_download_mb"),
    "a huge header": (lambda _: struct.pack(">I", 1 << 20) + b"x", "header"),
    "no header": (lambda _: struct.pack(">I", 0), "header"),
    "no JSON": (lambda _: struct.pack(">I", 4) + b"\xff\xff\xff\xff", "JSON"),
    "a status": (lambda p: p.status("ready"), "instead of a recording"),
    "not found": (lambda p: p.status("file_not_found"), "file_not_found"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_download_when_a_device_lies_then_its_take_fails_at_once(
    tmp_path: Path, lie: str
) -> None:
    make, words = LIES[lie]
    async with Peer() as peer, Peer("b") as good, bench(tmp_path, peer, good) as made:
        peer.answers["GET_VIDEO"] = lambda: make(peer)
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
        assert peer.said("GET_VIDEO") == 1
    assert made.device(0)["state"] == "failed"
    assert words in made.device(0)["reason"]
    assert made.device(1)["state"] == "collected"
    assert sorted(path.suffix for path in made.videos.iterdir()) == [
        ".json",
        ".json",
        ".mp4",
    ]


async def test_download_when_it_is_no_video_then_nothing_is_published(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.video = b"<html>" + bytes(100)
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    assert "no video" in made.device(0)["reason"]
    assert [path.suffix for path in made.videos.iterdir()] == [".json"]


async def test_download_when_it_breaks_then_begun_again(tmp_path: Path) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def half() -> bytes:
            del peer.answers["GET_VIDEO"]
            asyncio.get_running_loop().call_later(0.05, peer._writers.pop().close)
            return peer.framed()[:50_000]

        peer.answers["GET_VIDEO"] = half
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
        assert peer.said("GET_VIDEO") == 2
    assert (made.videos / made.device(0)["video"]).read_bytes() == VIDEO


async def test_download_when_the_device_forgets_after_a_break_then_the_part_is_kept(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def half() -> bytes:
            peer.answers["GET_VIDEO"] = lambda: peer.status("file_not_found")
            return peer.framed()[:50_000]

        peer.answers["GET_VIDEO"] = half
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    assert "is kept as" in made.device(0)["reason"]
    (rest,) = made.sessions.rglob("*.part")
    assert rest.stat().st_size > 40_000
    assert rest.read_bytes() == VIDEO[: rest.stat().st_size]


async def test_device_when_it_is_away_at_the_end_then_asked_until_it_is_back(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.event("started", PRINTING)
        await made.started()
        await peer.close()
        await made.event("complete", COMPLETE)
        await made.until(lambda: made.device(0)["reason"])
        await peer.listen()
        await made.done()
    assert made.device(0)["state"] == "collected"


async def test_device_when_it_has_moved_in_the_print_then_found_where_it_is_now(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path) as made:
        made.controller.roster.announce("phone", peer.address)
        await made.event("started", PRINTING)
        await made.started()
        await peer.close()
        peer.port = 0
        await peer.listen()
        made.controller.roster.announce("phone", peer.address)
        await made.event("complete", COMPLETE)
        await made.done()
    assert made.device(0)["state"] == "collected"
    assert made.device(0)["address"] == str(peer.address)


async def test_device_when_it_stays_away_then_its_time_is_over(tmp_path: Path) -> None:
    config = attrs.evolve(CONFIG, collect_timeout_s=0.2)
    async with Peer() as peer, bench(tmp_path, peer, config=config) as made:
        await made.event("started", PRINTING)
        await made.started()
        await peer.close()
        await made.event("complete", COMPLETE)
        await made.done()
        assert "its time was over" in made.device(0)["reason"]
        # A person may ask again when the device is back.
        await peer.listen()
        await made.controller.collect()
        await made.done()
    assert made.device(0)["state"] == "collected"


async def test_host_when_it_restarts_in_a_print_then_it_finds_its_recordings(
    tmp_path: Path,
) -> None:
    async with Peer() as peer:
        async with bench(tmp_path, peer) as made:
            await made.event("started", PRINTING)
            await made.started()
        async with bench(tmp_path, peer) as made:
            await made.event("sync", attrs.evolve(PRINTING, total_duration_s=0.1))
            assert len(made.controller.sessions) == 1
            assert peer.said("START_RECORDING") == 1
            await made.event("complete", COMPLETE)
            await made.done()
    assert made.device(0)["state"] == "collected"


async def test_host_when_the_print_ended_meanwhile_then_it_stops_and_collects(
    tmp_path: Path,
) -> None:
    async with Peer() as peer:
        async with bench(tmp_path, peer) as made:
            await made.event("started", PRINTING)
            await made.started()
        async with bench(tmp_path, peer) as made:
            await made.event("sync", attrs.evolve(PRINTING, state="standby"))
            await made.done()
        assert not peer.is_recording
    assert made.session["outcome"] == "interrupted"
    assert made.device(0)["state"] == "collected"


async def test_host_when_it_restarts_in_a_download_then_it_goes_on(
    tmp_path: Path,
) -> None:
    async with Peer() as peer:
        async with bench(tmp_path, peer) as made:
            await made.event("started", PRINTING)
            await made.started()
            peer.answers["GET_VIDEO"] = lambda: peer.framed()[:70_000]
            await made.event("complete", COMPLETE)
            await made.until(lambda: peer.said("GET_VIDEO"))
        del peer.answers["GET_VIDEO"]
        async with bench(tmp_path, peer) as made:
            await made.done()
        assert peer.said("STOP_RECORDING") == 1
    assert (made.videos / made.device(0)["video"]).read_bytes() == VIDEO


async def test_print_when_it_ends_before_the_instant_then_nothing_is_left_running(
    tmp_path: Path,
) -> None:
    config = attrs.evolve(CONFIG, delay_s=1.0)
    async with Peer() as peer, bench(tmp_path, peer, config=config) as made:
        await made.event("started", PRINTING)
        await made.until(lambda: peer.said("START_RECORDING"))
        await made.event("cancelled", COMPLETE)
        await made.done()
        assert peer.said("STOP_RECORDING") == 1
        assert not peer.is_recording


async def test_recording_when_somebody_asks_without_a_print_then_it_lasts_until_stop(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        session = await made.controller.start_recording(0.1)
        assert (await made.controller.start_recording()) is session
        await made.started()
        await made.event("sync", attrs.evolve(PRINTING, state="standby"))
        assert made.session["state"] == "recording"
        await made.controller.stop_recording()
        await made.done()
        with pytest.raises(MultiCamRefused, match="nothing is recorded"):
            await made.controller.stop_recording()
    assert made.device(0)["video"].startswith("recording_")


async def test_recording_when_stopped_in_a_print_then_the_print_begins_no_other(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.event("started", PRINTING)
        await made.started()
        await made.controller.stop_recording()
        await made.event("layer", attrs.evolve(PRINTING, total_duration_s=0.1))
        await made.done()
        assert len(made.controller.sessions) == 1


async def test_prints_when_they_are_not_to_be_recorded_then_nobody_is_asked(
    tmp_path: Path,
) -> None:
    config = attrs.evolve(CONFIG, record_prints=False)
    async with Peer() as peer, bench(tmp_path, peer, config=config) as made:
        await made.event("started", PRINTING)
        assert not made.controller.sessions
        await made.controller.start_recording()
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
        assert made.session["filename"] == "cube.gcode"


async def test_recording_when_there_is_no_device_then_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.event("started", PRINTING)
        assert not made.controller.sessions
        with pytest.raises(MultiCamRefused, match="no device"):
            await made.controller.start_recording()


def expect_one_video(made: Bench) -> None:
    """Of a device with two names one video is there, and none is missing."""
    states = [made.device(number)["state"] for number in range(2)]
    assert sorted(states) == ["collected", "twin"]
    assert "another name" in made.device(states.index("twin"))["reason"]
    assert made.controller.status()["totals"]["missing"] == 0


async def test_device_when_it_has_two_names_then_one_of_them_fetches(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, Peer() as twin, bench(tmp_path, peer, twin) as made:
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    expect_one_video(made)


async def test_device_when_it_records_under_its_other_name_then_it_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "ANSWER_TIMEOUT_S", 0.5)
    async with Peer() as peer:

        def status() -> dict[str, Any] | None:
            # One of the two is answered only when the other has had it begin.
            if peer.said("DEVICE_STATUS") == 2:
                return None
            return peer.status("recording" if peer.is_recording else "ready")

        peer.answers["DEVICE_STATUS"] = status
        by_name = Address("localhost", peer.port)
        async with bench(tmp_path, peer, by_name) as made:
            await made.event("started", PRINTING)
            await made.started()
            await made.event("complete", COMPLETE)
            await made.done()
    expect_one_video(made)


async def test_record_when_it_is_damaged_then_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "sessions" / "20260101-000000-0123abcd"
    folder.mkdir(parents=True)
    (folder / RECORD).write_text('{"phase": "singing"}')
    async with bench(tmp_path) as made:
        assert not made.controller.sessions
    assert (folder / RECORD).exists()


async def test_look_when_devices_differ_then_each_is_told(tmp_path: Path) -> None:
    async with Peer() as peer, Peer("odd") as odd, bench(tmp_path, peer, odd) as made:
        odd.answers["DEVICE_STATUS"] = lambda: encoded([1])
        first, second = await made.controller.roster.look()
    assert (first["state"], first["dialect"]) == ("ready", "v2")
    assert second["state"] == "unavailable"
    assert "JSON" in second["reason"]


async def test_device_when_it_records_for_somebody_else_then_left_alone(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.is_recording = True
        await made.event("started", PRINTING)
        await made.started()
        assert "somebody else" in made.device(0)["reason"]
        await made.event("complete", COMPLETE)
        await made.done()
        assert peer.is_recording
        assert {told["command"] for told in peer.commands} == {"DEVICE_STATUS"}
