# Whole prints with a virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine, the local Prusa Connect with its signalling service, and a camera at it.

Nothing is played by the test but the printer: the camera records, renders and uploads a
real MP4, and the engine gets it by the guessed address.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import load
from moonraker_prusacam.connect.prusa_camera import dialogue, downloads, turns
from moonraker_prusacam.connect.schedule import BackOff
from moonraker_prusacam.connect.signaling import session, viewer
from moonraker_prusacam.control import connect
from moonraker_prusacam.emulator.connect import Fault
from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.signaling import (
    CameraFault,
    Phase,
    PrusaCameraStand,
    transcript,
)
from moonraker_prusacam.emulator.stand import Stand
from moonraker_prusacam.mp4 import check_whole
from moonraker_prusacam.sidecar import read_sidecar
from tests.support.command_line import configure
from tests.support.control import Notes
from tests.support.moonraker_client import MoonrakerClient
from tests.support.prusa_engine import print_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.control import Peer

SPEED = 60.0
FRAMES = 4
LAYERS = 3
WAIT_S = 30.0
CHUNK = 4096
SOON_S = 0.1
PROFILES = ("wire", "seed")


class Workshop:
    """A printer's host, and the camera beside the printer."""

    def __init__(self, folder: Path, stand: PrusaCameraStand, *login: str) -> None:
        self.stand = stand
        self.folder = folder
        section = [
            "[prusa_camera buddy]",
            f"token: {stand.token}",
            f"server: {stand.url}",
            f"profile: {stand.signaling.behaviour.profile}",
            "download_timeout: 60",
            *login,
        ]
        self.file = configure(folder, more="\n".join(section) + "\n")
        self.events = Notes()

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Peer]:
        """An engine, asked by its control socket."""

        async def noted(params: dict[str, Any]) -> None:
            self.events.note(params)

        config = await asyncio.to_thread(load, self.file)
        async with (
            Engine(config) as engine,
            connect(
                engine.config.engine.socket_path, {"prusa_camera.event": noted}
            ) as client,
        ):
            yield client

    async def until_told(self, status: str, count: int = 1) -> dict[str, Any]:
        """Wait until so many jobs are told to be so; the last of them."""

        def found() -> list[dict[str, Any]]:
            told = [event for event in self.events if event.get("status") == status]
            return list({event["job"]["id"]: event["job"] for event in told}.values())

        async with asyncio.timeout(WAIT_S):
            await self.events.until(lambda: len(found()) >= count)
        return found()[-1]

    async def until_recorded(self, frames: int = FRAMES) -> None:
        """Wait until the camera has so many frames of a job."""
        timelapse = self.stand.camera.timelapse
        await self.stand.camera.wait_for(
            lambda: len(timelapse.frames) >= frames, WAIT_S
        )

    async def print(self, client: Peer, outcome: str = "complete") -> None:
        """A whole print."""
        await print_event(client, "started", "printing", 0.0)
        await self.until_recorded()
        await print_event(client, outcome, outcome, 60.0)

    def transcript(self) -> str:
        return transcript(self.stand.signaling.events)


@pytest.fixture(autouse=True)
def nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    class Soon(BackOff):
        def next_s(self) -> float:
            return min(super().next_s(), SOON_S)

    monkeypatch.setattr(downloads, "BackOff", Soon)
    monkeypatch.setattr(session, "BackOff", Soon)
    monkeypatch.setattr(viewer, "ANSWER_TIMEOUT_S", 1.0)
    monkeypatch.setattr(turns, "RETRY_S", SOON_S)
    monkeypatch.setattr(dialogue, "POLL_S", 1.0)
    monkeypatch.setattr(downloads, "RESUME_S", 0.0)


@asynccontextmanager
async def workshop(
    folder: Path, profile: str = "wire", login: str = "account fingerprint"
) -> AsyncIterator[Workshop]:
    async with PrusaCameraStand(profile=profile, speed=SPEED) as stand:
        await asyncio.to_thread((folder / "jwt").write_text, stand.jwt)
        options = {
            "account": f"jwt_file: {folder / 'jwt'}",
            "fingerprint": f"fingerprint: {stand.fingerprint}",
        }
        yield Workshop(folder, stand, *(options[name] for name in login.split()))


@pytest.mark.parametrize(
    ("profile", "login"),
    [
        ("wire", "account"),
        ("wire", "account fingerprint"),
        ("seed", "account"),
        ("seed", "fingerprint"),
    ],
)
async def test_print_when_complete_then_the_cameras_own_video_is_here(
    tmp_path: Path, profile: str, login: str
) -> None:
    async with workshop(tmp_path, profile, login) as shop, shop.engine() as client:
        await shop.print(client)
        job = await shop.until_told("done")
        video = tmp_path / "timelapse" / job["video"]
        content = await asyncio.to_thread(video.read_bytes)
        assert content == shop.stand.videos[job["job_name"]]
        await asyncio.to_thread(check_whole, video)
        sidecar = await asyncio.to_thread(read_sidecar, video)
        assert sidecar["video"]["frames"] >= FRAMES
        assert sidecar["video"]["codec"] == "h264"
        preview = await asyncio.to_thread(video.with_suffix(".jpg").read_bytes)
        assert preview.startswith(b"\xff\xd8")
        said = [event for event in shop.events if event["event"] == "video"]
        assert [event["video"] for event in said][-1] == "done"
        status = await client.call("prusa_camera.status", {"ask": True})
        assert status["cameras"][0]["status"]["wifi_ssid"] == "virtual"


async def test_prints_when_one_follows_the_other_then_both_videos_come(
    tmp_path: Path,
) -> None:
    async with workshop(tmp_path) as shop, shop.engine() as client:
        await shop.print(client)
        await print_event(client, "started", "printing", 0.0)
        first = await shop.until_told("done")
        await shop.stand.camera.wait_for(
            lambda: shop.stand.camera.timelapse.job_name != first["job_name"], WAIT_S
        )
        await shop.until_recorded()
        await print_event(client, "complete", "complete", 60.0)
        await shop.until_told("done", 2)
        assert len(shop.stand.videos) == 2


async def test_camera_when_it_leaves_in_every_phase_then_the_video_comes(
    tmp_path: Path,
) -> None:
    async with workshop(tmp_path) as shop, shop.engine() as client:
        camera = shop.stand.camera
        await print_event(client, "started", "printing", 0.0)
        await camera.leave()
        camera.come_back()
        await shop.until_recorded()
        await camera.leave()
        await print_event(client, "complete", "complete", 60.0)
        await shop.until_told("rendering")
        camera.inject(CameraFault("stuck"))
        camera.come_back()
        await camera.wait_for(lambda: camera.phase is Phase.IN_PROGRESS, WAIT_S)
        await camera.leave()
        camera.release()  # it says DONE while nobody hears it
        await camera.wait_for(lambda: camera.phase is Phase.DONE, WAIT_S)
        camera.come_back()
        await shop.until_told("done")


async def test_camera_when_it_has_no_card_then_told(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop, shop.engine() as client:
        shop.stand.camera.set_storage(present=False)
        await print_event(client, "started", "printing", 0.0)
        await shop.events.until(
            lambda: any(
                event["event"] == "job" and event["job"]["prepared"]
                for event in shop.events
            )
        )
        await print_event(client, "complete", "complete", 60.0)
        job = await shop.until_told("failed")
        assert "no memory card" in job["warning"] or "error 2" in job["reason"]
        assert "has no video" in job["reason"]


@pytest.mark.parametrize("profile", PROFILES)
async def test_camera_when_its_encoder_fails_then_told_and_asked_again_by_hand(
    tmp_path: Path, profile: str
) -> None:
    async with workshop(tmp_path, profile) as shop, shop.engine() as client:
        shop.stand.camera.inject(CameraFault("encoder"))
        await shop.print(client)
        job = await shop.until_told("failed")
        words = "could not make the video" if profile == "seed" else "reported error 3"
        assert words in job["reason"]
        await client.call("prusa_camera.timelapse.render", {"job": job["id"]})
        await shop.until_told("done")


async def test_engine_when_restarted_in_every_phase_then_the_video_comes_once(
    tmp_path: Path,
) -> None:
    async with workshop(tmp_path) as shop:
        camera = shop.stand.camera
        async with shop.engine() as client:
            await print_event(client, "started", "printing", 0.0)
            await shop.until_recorded()
        camera.inject(CameraFault("stuck"))
        async with shop.engine() as client:
            await print_event(client, "complete", "complete", 60.0)
            await camera.wait_for(lambda: camera.phase is Phase.IN_PROGRESS, WAIT_S)
            await shop.until_told("rendering")
        camera.release()
        await camera.wait_for(lambda: camera.phase is Phase.DONE, WAIT_S)
        cut = Fault(
            "cut_response",
            endpoint="/c/timelapse",
            after_bytes=CHUNK,
            of_body=True,
            count=None,
        )
        await shop.stand.connect.inject(cut)
        async with shop.engine():
            await shop.until_told("downloading")
            await shop.stand.connect.wait_for(
                lambda: len(downloads_of(shop)) >= 2, WAIT_S
            )
        shop.stand.connect.faults.clear()
        async with shop.engine():
            job = await shop.until_told("done")
        video = tmp_path / "timelapse" / job["video"]
        content = await asyncio.to_thread(video.read_bytes)
        assert content == shop.stand.videos[job["job_name"]]
        ranges = [request.headers.get("range") for request in downloads_of(shop)]
        assert ranges[0] is None
        assert f"bytes={CHUNK}-" in ranges


async def test_server_when_it_stalls_and_forgets_us_then_the_video_comes(
    tmp_path: Path,
) -> None:
    async with workshop(tmp_path) as shop, shop.engine() as client:
        await print_event(client, "started", "printing", 0.0)
        await shop.until_recorded()
        await shop.stand.connect.refuse()
        await print_event(client, "complete", "complete", 60.0)
        await shop.until_told("rendering")
        await shop.stand.connect.accept()
        await shop.until_told("done")


@pytest.mark.moonraker
async def test_print_in_moonraker_when_complete_then_two_videos_and_both_in_history(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    async with PrusaCameraStand(speed=SPEED) as beside:
        await asyncio.to_thread((folder / "jwt").write_text, beside.jwt)
        section = (
            f"[prusa_camera buddy]\ntoken: {beside.token}\nserver: {beside.url}\n"
            f"fingerprint: {beside.fingerprint}\njwt_file: {folder / 'jwt'}\n"
        )
        async with (
            Stand(folder, speed=6.0, timelapse_options=section) as stand,
            MoonrakerClient(stand.moonraker.url) as ui,
        ):

            async def printed(name: str) -> Any:
                answer = await ui.get("/server/prusacam/prusa_camera/timelapse/list")
                done = [job for job in answer["jobs"] if job["state"] == "done"]
                return next((job for job in done if job["filename"] == name), None)

            # Moonraker's history may miss a print that begins as soon as Klippy is
            # ready.
            await stand.start_print("first.gcode", vase(LAYERS))
            await stand.until(lambda: printed("first.gcode"), "a video", WAIT_S)
            await stand.start_print("vase.gcode", vase(LAYERS))
            job = await stand.until(lambda: printed("vase.gcode"), "a video", WAIT_S)

            async def videos_in_history() -> Any:
                entry = (await ui.get("/server/history/list"))["jobs"][0]
                fields = {each["name"]: each for each in entry["auxiliary_data"]}
                videos = fields.get("timelapse", {"value": []})["value"]
                return videos if len(videos) == 2 else None

            videos = await stand.until(videos_in_history, "the history", WAIT_S)
            assert job["video"] in videos
            files = await ui.get("/server/files/list?root=timelapse")
            assert set(videos) <= {file["path"] for file in files}
            told = ui.received("notify_prusacam_prusa_camera")
            assert [each["status"] for each in told if each["event"] == "job"][-1] == (
                "done"
            )


async def test_print_when_it_is_over_then_the_transcript_shows_no_secret(
    tmp_path: Path,
) -> None:
    async with workshop(tmp_path) as shop, shop.engine() as client:
        await shop.print(client)
        job = await shop.until_told("done")
        shown = shop.transcript()
        assert shop.stand.token not in shown
        assert shop.stand.fingerprint not in shown
        for event in ("client_authentication", "trigger", "configuration"):
            assert event in shown
        assert job["job_name"] not in str(
            [event for event in shop.events if shop.stand.token in str(event)]
        )


def downloads_of(shop: Workshop) -> list[Any]:
    return [
        request
        for request in shop.stand.connect.requests
        if request.path.startswith("/c/timelapse") and request.method == "GET"
    ]
