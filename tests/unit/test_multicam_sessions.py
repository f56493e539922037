# Tests of whose recording it is that a device makes.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints that follow each other, orders nobody knows the fate of, wrong clocks."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.emulator.multicam import Fault, FaultKind, VirtualDevice
from moonraker_prusacam.errors import MultiCamRefused
from moonraker_prusacam.kernel_clock import ClockState
from moonraker_prusacam.multicam import CommandType
from moonraker_prusacam.multicam.controller import (
    collector,
    controller,
    exchange,
    starter,
)
from moonraker_prusacam.multicam.controller.roster import OwnDevice, Roster
from moonraker_prusacam.multicam.controller.saver import Saver
from moonraker_prusacam.multicam.controller.session import OUR_TYPE, Session, Take
from moonraker_prusacam.multicam.protocol.constants import file_id
from moonraker_prusacam.multicam_options import (
    Address,
    MultiCamDeviceConfig,
    MultiCamSections,
)
from tests.support.multicam_bench import COMPLETE, CONFIG, PRINTING, Bench, bench, hurry
from tests.support.multicam_peer import VIDEO, Peer

if TYPE_CHECKING:
    from pathlib import Path

SLOW = attrs.evolve(CONFIG, delay_s=1.0)
# For what is known before the instant, which nobody waits for then.
PATIENT = attrs.evolve(CONFIG, delay_s=30.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_prints_when_one_follows_at_once_then_both_have_their_videos(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.finish_s = 0.3
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.event("started", attrs.evolve(PRINTING, filename="next.gcode"))
        await made.started()
        assert made.device(0)["state"] == "recording"
        await made.until(lambda: made.controller.sessions[0]["state"] == "done")
        assert peer.is_recording
        await made.event("complete", COMPLETE)
        await made.done()
    first, second = made.controller.sessions
    assert first["devices"][0]["video"].startswith("cube_")
    assert second["devices"][0]["video"].startswith("next_")


async def test_print_when_its_start_is_lost_then_it_has_not_the_video_of_the_one_before(
    tmp_path: Path,
) -> None:
    async with VirtualDevice(content=VIDEO) as phone:
        address = Address("127.0.0.1", phone.port)
        async with bench(tmp_path, address) as made:
            await made.event("started", PRINTING)
            await made.started()
            await made.event("cancelled", COMPLETE)
            await made.done()
            phone.faults.append(Fault(FaultKind.HANG_UP, CommandType.START_RECORDING))
            await made.event("started", attrs.evolve(PRINTING, filename="next.gcode"))
            await made.until(lambda: made.device(0)["reason"])
            await made.event("complete", COMPLETE)
            await made.done()
        assert len(phone.recordings) == 1
    first, second = made.controller.sessions
    assert first["devices"][0]["video"].startswith("cube_")
    assert second["devices"][0]["video"] is None
    assert "gone without an answer" in second["devices"][0]["reason"]


async def test_device_when_it_is_back_for_the_next_print_then_that_goes_on(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.event("started", PRINTING)
        await made.started()
        await peer.close()
        peer.is_recording = False  # it was switched off
        await made.event("complete", COMPLETE)
        await made.until(lambda: made.device(0)["reason"])
        await peer.listen()
        await made.event("started", attrs.evolve(PRINTING, filename="next.gcode"))
        await made.started()
        await made.until(lambda: made.controller.sessions[0]["state"] == "done")
        assert peer.is_recording
        assert peer.said("STOP_RECORDING") == 0
        await made.event("complete", COMPLETE)
        await made.done()
    assert made.controller.sessions[0]["devices"][0]["state"] == "failed"
    assert made.device(0)["state"] == "collected"


async def test_device_when_it_is_back_elsewhere_for_the_next_print_then_both_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "AGAIN_S", 1.0)
    async with Peer() as peer, bench(tmp_path) as made:
        made.controller.roster.announce("phone", peer.address)
        await made.event("started", PRINTING)
        await made.started()
        await peer.close()
        await made.event("complete", COMPLETE)
        await made.until(lambda: made.device(0)["reason"])
        peer.port = 0
        await peer.listen()
        made.controller.roster.announce("phone", peer.address)
        await made.event("started", attrs.evolve(PRINTING, filename="next.gcode"))
        await made.started()
        assert made.device(0)["state"] == "recording"
        await made.event("complete", COMPLETE)
        await made.until(
            lambda: all(each["state"] == "done" for each in made.controller.sessions)
        )
        assert peer.said("STOP_RECORDING") == 2
    first, second = made.controller.sessions
    assert first["devices"][0]["video"].startswith("cube_")
    assert second["devices"][0]["video"].startswith("next_")


async def test_devices_when_they_have_changed_places_then_both_record_the_next_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "AGAIN_S", 1.0)
    async with Peer("a") as one, Peer("b") as other, bench(tmp_path) as made:

        def announce() -> None:
            made.controller.roster.announce("a", one.address)
            made.controller.roster.announce("b", other.address)

        announce()
        await made.event("started", PRINTING)
        await made.started()
        await one.close()
        await other.close()
        await made.event("complete", COMPLETE)
        await made.until(lambda: made.device(0)["reason"] and made.device(1)["reason"])
        one.port, other.port = other.port, one.port
        await one.listen()
        await other.listen()
        announce()
        await made.event("started", attrs.evolve(PRINTING, filename="next.gcode"))
        await made.started()
        assert [made.device(n)["state"] for n in (0, 1)] == 2 * ["recording"]
        await made.event("complete", COMPLETE)
        await made.until(
            lambda: all(each["state"] == "done" for each in made.controller.sessions)
        )
    for session in made.controller.sessions:
        assert [each["state"] for each in session["devices"]] == 2 * ["collected"]


async def test_recording_when_it_is_over_before_anybody_was_told_then_none_is_stopped(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.is_recording = True  # for somebody else
        peer.answers["DEVICE_STATUS"] = lambda: None
        await made.event("started", PRINTING)
        await made.until(lambda: peer.commands)
        await made.event("cancelled", COMPLETE)
        del peer.answers["DEVICE_STATUS"]
        await made.done()
        assert peer.is_recording
    assert "before it was told" in made.device(0)["reason"]


async def test_recording_when_it_is_over_while_a_device_is_awaited_then_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "RETRY_DELAYS_S", (60.0,))
    async with Peer() as peer, Peer("dead") as dead:
        nowhere = dead.address
        await dead.close()
        async with bench(tmp_path, peer, nowhere) as made:
            await made.event("started", PRINTING)
            await made.until(lambda: made.device(0)["state"] == "recording")
            await made.until(lambda: made.device(1)["reason"])
            assert made.device(1)["state"] == "ordered"
            await made.event("cancelled", COMPLETE)
            await made.done()
    assert made.device(0)["state"] == "collected"
    assert made.device(1)["state"] == "failed"
    assert f"nothing listens at {nowhere}" in made.device(1)["reason"]


async def test_collect_when_it_was_somebody_elses_recording_then_left_alone(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.is_recording = True
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
        with pytest.raises(MultiCamRefused, match="no session"):
            await made.controller.collect()
        assert peer.is_recording


async def test_start_when_its_answer_is_lost_then_stopped_and_collected(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def hear() -> None:
            del peer.answers["START_RECORDING"]
            peer.is_recording, peer.targets = True, [time.time()]

        peer.answers["START_RECORDING"] = hear
        await made.event("started", PRINTING)
        await made.until(lambda: made.device(0)["state"] == "recording")
        assert made.device(0)["offset_s"] is None
        await made.event("complete", COMPLETE)
        await made.done()
        assert not peer.is_recording
    assert made.device(0)["state"] == "collected"


async def test_device_when_it_is_away_as_it_begins_then_stopped_and_collected(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer, config=SLOW) as made:
        await made.event("started", PRINTING)
        await made.until(lambda: peer.said("START_RECORDING"))
        await made.until(lambda: made.device(0)["device_id"])
        await peer.close()
        await made.until(lambda: made.device(0)["reason"])
        assert made.device(0)["state"] == "ordered"
        await peer.listen()
        await made.event("complete", COMPLETE)
        await made.done()
        assert not peer.is_recording
    assert made.device(0)["state"] == "collected"


async def test_device_when_it_waits_by_a_clock_of_its_own_then_it_is_cancelled(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:

        def wait() -> dict[str, Any]:
            peer.answers["DEVICE_STATUS"] = wait
            return peer.status("scheduled_recording_accepted")

        peer.answers["START_RECORDING"] = wait
        peer.answers["STOP_RECORDING"] = lambda: peer.status("error")
        await made.event("started", PRINTING)
        await made.started()
        assert "still waits" in made.device(0)["reason"]
        await made.event("complete", COMPLETE)
        await made.done()
        assert peer.said("STOP_RECORDING") == 1
    assert made.device(0)["state"] == "failed"


async def test_device_when_another_has_its_address_then_that_is_not_stopped(
    tmp_path: Path,
) -> None:
    config = attrs.evolve(CONFIG, collect_timeout_s=0.2)
    async with Peer("one") as peer, bench(tmp_path, peer, config=config) as made:
        await made.event("started", PRINTING)
        await made.started()
        peer.name = "other"
        await made.event("complete", COMPLETE)
        await made.done()
        assert peer.is_recording
    assert "another device" in made.device(0)["reason"]


async def test_device_when_another_has_its_address_after_a_restart_then_left_alone(
    tmp_path: Path,
) -> None:
    async with Peer("one") as peer:
        async with bench(tmp_path, peer) as made:
            await made.event("started", PRINTING)
            await made.until(lambda: kept_states(made) == ["recording"])
        peer.name, peer.file_name, peer.is_recording = "other", "theirs.mp4", False
        before = peer.said("DEVICE_STATUS")
        async with bench(tmp_path, peer) as made:
            await made.event("sync", attrs.evolve(PRINTING, total_duration_s=0.1))
            await made.until(lambda: peer.said("DEVICE_STATUS") > before)
            peer.name, peer.is_recording = "one", True  # it is back
            await made.event("complete", COMPLETE)
            await made.done()
        assert len(made.session["devices"]) == 1
        assert (peer.said("START_RECORDING"), peer.said("STOP_RECORDING")) == (1, 1)
        assert "theirs.mp4" not in [told.get("fileName") for told in peer.commands]
    assert made.device(0)["state"] == "collected"


async def test_download_when_another_has_the_address_then_it_waits_for_the_device(
    tmp_path: Path,
) -> None:
    async with Peer("one") as peer, bench(tmp_path, peer) as made:

        def unknown() -> dict[str, Any]:
            peer.name = "other"
            return peer.status("file_not_found")

        peer.answers["GET_VIDEO"] = unknown
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.until(lambda: "another device" in made.device(0)["reason"])
        del peer.answers["GET_VIDEO"]
        peer.name = "one"
        await made.done()
    assert made.device(0)["state"] == "collected"


async def test_device_when_it_says_the_id_of_another_then_both_are_collected(
    tmp_path: Path,
) -> None:
    async with (
        Peer("honest") as peer,
        Peer("liar") as liar,
        bench(tmp_path, liar, peer) as made,
    ):
        told = liar.status("ready") | {"deviceId": "honest"}
        liar.answers["DEVICE_STATUS"] = lambda: (
            told | {"status": "recording" if liar.is_recording else "ready"}
        )
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    assert [made.device(n)["state"] for n in range(2)] == ["collected", "collected"]


async def test_recording_when_nobody_was_there_at_first_then_begun_in_the_print(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path) as made:
        await made.event("started", PRINTING)
        assert not made.controller.sessions
        made.controller.roster.announce("multiCam-x", peer.address)
        session = await made.controller.start_recording()
        assert not session.record.is_manual
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
    assert made.device(0)["video"].startswith("cube_")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"estimated_time": 3600.0}, [3500 * 1.25 + 300]),
        ({"estimated_time": 60.0}, [300.0]),
        ({"estimated_time": "long"}, []),
        ({}, []),
    ],
)
async def test_print_when_the_slicer_told_its_time_then_our_cameras_know_it(
    tmp_path: Path, file: dict[str, Any], expected: list[float]
) -> None:
    told: list[float] = []
    state = attrs.evolve(PRINTING, file=file, print_duration_s=100.0)
    async with Peer() as peer, bench(tmp_path, peer) as made:
        own = OwnDevice("bed", peer.address, expect=told.append)
        made.controller.roster._own = lambda: [own]
        await made.event("started", state)
        await made.started()
        await made.event("complete", attrs.evolve(state, state="complete"))
        await made.done()
    assert told == expected


@pytest.mark.parametrize("is_printing", [False, True])
async def test_recording_when_a_delay_is_asked_for_then_it_is_that(
    tmp_path: Path, is_printing: bool
) -> None:
    config = attrs.evolve(CONFIG, record_prints=False, delay_s=0.1)
    async with Peer() as peer, bench(tmp_path, peer, config=config) as made:
        if is_printing:
            await made.event("started", PRINTING)
        session = await made.controller.start_recording(1.5)
        assert session.record.target is not None
        assert session.record.target - session.record.created >= 1.5
        assert session.record.is_manual is not is_printing


async def test_collect_when_asked_later_then_the_end_of_the_print_stays(
    tmp_path: Path,
) -> None:
    async with Peer() as peer, bench(tmp_path, peer) as made:
        peer.answers["GET_VIDEO"] = lambda: peer.status("error")
        await made.event("started", PRINTING)
        await made.started()
        await made.event("complete", COMPLETE)
        await made.done()
        over = made.sidecar()["job"]["end"]
        del peer.answers["GET_VIDEO"]
        await made.controller.collect()
        await made.done()
    assert made.sidecar()["job"]["end"] == over
    assert made.device(0)["state"] == "collected"


async def test_session_when_killed_before_its_instant_was_on_disk_then_gets_one(
    tmp_path: Path,
) -> None:
    async with Peer() as peer:
        async with bench(tmp_path, peer, config=SLOW) as made:
            await made.event("started", PRINTING)
        (record,) = made.sessions.rglob("session.json")
        kept = json.loads(record.read_text())
        record.write_text(json.dumps(kept | {"target": None}))
        async with bench(tmp_path, peer) as made:
            await made.started()
            assert made.session["target"] >= kept["created"]
            assert made.device(0)["state"] == "recording"


def kept_states(made: Bench) -> list[str]:
    """What is on the disk of the takes of the only session."""
    (record,) = made.sessions.rglob("session.json")
    return [take["state"] for take in json.loads(record.read_text())["takes"]]


@pytest.mark.parametrize("has_file", [True, False])
async def test_device_when_it_restarts_with_the_host_then_it_begins_again(
    tmp_path: Path, has_file: bool
) -> None:
    async with Peer() as peer:
        async with bench(tmp_path, peer) as made:
            await made.event("started", PRINTING)
            await made.until(lambda: kept_states(made) == ["recording"])
        peer.is_recording = False
        peer.file_name = "first.mp4" if has_file else None
        async with bench(tmp_path, peer) as made:
            await made.event("sync", attrs.evolve(PRINTING, total_duration_s=0.1))
            await made.until(lambda: peer.said("START_RECORDING") == 2)
            await made.until(lambda: peer.is_recording)
            await made.until(
                lambda: made.session["devices"][-1]["state"] == "recording"
            )
            await made.event("complete", COMPLETE)
            await made.done()
        assert not peer.is_recording
    devices = made.session["devices"]
    assert [device["state"] for device in devices] == ["collected"] * len(devices)
    assert [device["name"] for device in devices] == (
        ["device0", "device0 2"] if has_file else ["device0"]
    )
    assert devices[-1]["late_s"] > 0


async def test_device_when_it_began_again_and_moves_then_found_where_it_is_now(
    tmp_path: Path,
) -> None:
    async with Peer() as peer:
        async with bench(tmp_path) as made:
            made.controller.roster.announce("phone", peer.address)
            await made.event("started", PRINTING)
            await made.until(lambda: kept_states(made) == ["recording"])
        peer.is_recording, peer.file_name = False, "first.mp4"
        async with bench(tmp_path) as made:
            made.controller.roster.announce("phone", peer.address)
            await made.event("sync", attrs.evolve(PRINTING, total_duration_s=0.1))
            await made.until(
                lambda: (
                    [take["state"] for take in made.session["devices"]]
                    == ["stopped", "recording"]
                )
            )
            await peer.close()
            peer.port = 0
            await peer.listen()
            made.controller.roster.announce("phone", peer.address)
            await made.event("complete", COMPLETE)
            await made.done()
        assert not peer.is_recording
    devices = made.session["devices"]
    assert [device["name"] for device in devices] == ["phone", "phone 2"]
    assert [device["state"] for device in devices] == ["collected", "collected"]


def test_take_when_a_camera_of_ours_shares_its_name_then_known_which_it_is() -> None:
    theirs, ours = Address("192.168.1.30"), Address("127.0.0.1", 8090)
    devices = (MultiCamDeviceConfig("front", address=theirs),)
    own = (OwnDevice("front", ours),)
    roster = Roster(MultiCamSections(CONFIG, devices), lambda: own)
    told = [(take.name, take.address, take.camera) for take in roster.takes()]
    assert told == [("front", theirs, ""), ("front 2", ours, "front")]


async def test_offsets_when_the_clock_is_set_meanwhile_then_nobody_knows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = iter([0.0, 7200.0])
    monkeypatch.setattr(starter, "_ahead_of_monotonic_s", lambda: next(clocks))
    async with Peer() as peer, bench(tmp_path, peer) as made:
        await made.event("started", PRINTING)
        await made.started()
        await made.until(lambda: "was set meanwhile" in made.session["warning"])
        assert made.device(0)["state"] == "recording"
    assert made.device(0)["offset_s"] is None


@pytest.mark.parametrize(
    ("clock_s", "told_s", "offset_s"),
    [
        (0.6, 0.0, -0.6),
        (-0.6, 0.0, 0.6),
        # Further off than that they are told the instant in their own time.
        (2.0, 2.0, 0.0),
        (-7200.0, -7200.0, 0.0),
    ],
)
async def test_offset_when_the_devices_clock_is_wrong_then_told_or_made_good(
    tmp_path: Path, clock_s: float, told_s: float, offset_s: float
) -> None:
    async with Peer() as peer, bench(tmp_path, peer, config=PATIENT) as made:
        peer.clock_s = clock_s
        await made.event("started", PRINTING)
        await made.until(lambda: made.device(0)["offset_s"] is not None)
        # The way of an answer takes its time, which is known.
        session = made.controller.recording
        assert session is not None
        slack_s = (session.record.takes[0].clock_uncertainty_s or 0.0) + 0.01
        assert slack_s < 0.5
        assert peer.targets[0] - made.session["target"] == pytest.approx(
            told_s, abs=slack_s
        )
    assert made.device(0)["offset_s"] == pytest.approx(offset_s, abs=slack_s)
    assert ("clock" in made.device(0)["warning"]) is bool(told_s)


async def test_offset_when_a_clock_is_far_ahead_then_none_begins_before_it_is_told(
    tmp_path: Path,
) -> None:
    config = attrs.evolve(CONFIG, delay_s=0.1)
    async with Peer() as peer, bench(tmp_path, peer, config=config) as made:
        peer.clock_s = 0.9
        before_s = time.time()
        await made.event("started", PRINTING)
        await made.until(lambda: made.device(0)["offset_s"] is not None)
        begins_s = made.session["target"] + made.device(0)["offset_s"]
        assert before_s < begins_s < time.time()


@pytest.mark.parametrize("delay_s", [0.0, 0.5])
async def test_offset_when_an_order_is_on_its_way_for_long_then_its_doubt_says_so(
    tmp_path: Path, delay_s: float
) -> None:
    config = attrs.evolve(CONFIG, delay_s=delay_s)
    async with Peer() as peer, bench(tmp_path, peer, config=config) as made:
        peer.hear_s = 0.8  # and so much of it after the instant
        await made.event("started", PRINTING)
        await made.started()
        target_s = made.session["target"]
        await made.event("complete", COMPLETE)
        await made.done()
    told = made.sidecar()["devices"][0]
    began_s = max(peer.heard[0], target_s) - target_s
    assert abs(told["offset_s"] - began_s) <= told["uncertainty_s"] + 0.01
    assert told["uncertainty_s"] >= 0.4


async def test_offset_when_a_phone_keeps_the_networks_time_then_its_own_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "read_clock", lambda: ClockState(True))
    async with Peer() as peer, bench(tmp_path, peer, config=PATIENT) as made:
        status = peer.status

        def phone(said: str) -> dict[str, Any]:
            return status(said) | {"deviceType": "iOS:iPhone"}

        monkeypatch.setattr(peer, "status", phone)
        peer.clock_s = 5.0
        await made.event("started", PRINTING)
        await made.until(lambda: made.device(0)["offset_s"] is not None)
        assert peer.targets[0] == made.session["target"]
    assert made.device(0)["offset_s"] == 0.0


@pytest.mark.parametrize(
    ("first_s", "clock_offset_s", "expected"),
    [(1000.02, 0.0, 0.02), (1000.02, 0.005, 0.015), (998.5, -0.5, -1.0)],
)
def test_offset_when_the_camera_is_ours_then_by_its_first_frame(
    first_s: float, clock_offset_s: float, expected: float
) -> None:
    take = Take(
        name="front",
        host="127.0.0.1",
        port=8090,
        device_type=OUR_TYPE,
        clock_offset_s=clock_offset_s,
        # Only the file is believed, which tells what has been.
        begins=5.0,
        is_offset_unknown=True,
        file_id=file_id("Prusa-0A1B2C3D", 1_700_000_000 + first_s),
    )
    assert take.offset_s(1_700_001_000.0) == pytest.approx(expected, abs=1e-4)
    assert take.offset_s(None) is None
    other = attrs.evolve(take, device_type="iOS:iPhone")
    assert other.offset_s(1_700_001_000.0) is None


async def test_session_when_many_devices_change_at_once_then_few_writes_have_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await asyncio.to_thread(Session.create, tmp_path, takes=[])
    written: list[float | None] = []
    save = Session.save

    def counted(self: Session) -> None:
        written.append(self.record.target)
        save(self)

    monkeypatch.setattr(Session, "save", counted)
    saver = Saver()

    async def change(number: int) -> None:
        session.record.target = float(number)
        await saver.save(session)
        kept = await asyncio.to_thread(Session.load, session.path)
        assert kept.record.target is not None
        assert kept.record.target >= number

    await asyncio.gather(*map(change, range(32)))
    assert written[-1] == 31.0
    assert len(written) <= 3


async def test_session_when_the_disk_refuses_then_the_next_change_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = await asyncio.to_thread(Session.create, tmp_path, takes=[])
    saver = Saver()
    with monkeypatch.context() as patch:

        def refuse(_: Session) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(Session, "save", refuse)
        await saver.save(session)
    assert "No space left" in caplog.text
    session.record.target = 5.0
    await saver.save(session)
    kept = await asyncio.to_thread(Session.load, session.path)
    assert kept.record.target == 5.0
