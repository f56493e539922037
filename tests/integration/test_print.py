# A print in real Moonraker, and what may go wrong meanwhile.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole product: real Moonraker with the component, the engine as a process.

Only the printer, the camera and Prusa Connect are stand-ins.
"""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from moonraker_prusacam.emulator.camera import read_tag
from moonraker_prusacam.emulator.gcode_file import vase
from moonraker_prusacam.emulator.stand import CAMERA, Stand
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.video import FFmpeg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.moonraker, pytest.mark.timeout(150)]

LAYERS = 6
SPEED = 4.0
PRINT_TIMEOUT_S = 90.0
FILE = 'it\'s a 100% "vase" 🚀.gcode'


@pytest.fixture
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("s")
    async with Stand(folder, speed=SPEED, camera_options="stale_after: 1\n") as opened:
        yield opened


async def layer_reached(stand: Stand, layer: int) -> None:
    async def is_reached() -> bool:
        return (stand.printer.layer or 0) >= layer

    await stand.until(is_reached, f"layer {layer}", PRINT_TIMEOUT_S)


async def frames_recorded(stand: Stand, count: int) -> None:
    async def is_recorded() -> bool:
        active = (await stand.call_engine("timelapse.status"))["active"]
        return active is not None and active["frames"] >= count

    await stand.until(is_recorded, f"{count} frames", PRINT_TIMEOUT_S)


async def print_over(stand: Stand, state: str = "complete") -> None:
    async def is_over() -> bool:
        return stand.printer.state == state

    await stand.until(is_over, f"the print to be {state}", PRINT_TIMEOUT_S)


async def finished_job(stand: Stand) -> dict[str, Any]:
    async def job() -> dict[str, Any] | None:
        last: dict[str, Any] | None = (await stand.call_engine("timelapse.status"))[
            "last"
        ]
        return last if last and last["state"] in ("done", "failed") else None

    done: dict[str, Any] = await stand.until(job, "the video", PRINT_TIMEOUT_S)
    assert done["state"] == "done", done["error"]
    return done


async def decoded_frames(stand: Stand, job: dict[str, Any]) -> int:
    files = await stand.moonraker.request("GET", "/server/files/list", root="timelapse")
    assert job["video"] in [file["path"] for file in files]
    encoder = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
    return await encoder.count_decoded(stand.data_path / "timelapse" / job["video"])


async def webcam_names(stand: Stand) -> list[str]:
    answer = await stand.moonraker.request("GET", "/server/webcams/list")
    return [webcam["name"] for webcam in answer["webcams"]]


async def test_print_then_every_step_of_the_main_job_happened(stand: Stand) -> None:
    info = await stand.moonraker.request("GET", "/server/info")
    assert info["failed_components"] == []
    assert info["warnings"] == []
    assert "prusacam" in info["components"]
    await stand.start_print(FILE, vase(LAYERS))
    await print_over(stand)
    job = await finished_job(stand)
    assert (job["filename"], job["outcome"]) == (FILE, "complete")
    assert (job["frames"], job["gaps"]) == (LAYERS, 0)
    assert await decoded_frames(stand, job) == LAYERS
    assert await webcam_names(stand) == [CAMERA]

    before = stand.connect.accepted(stand.token)
    assert before >= 1
    await stand.connect.wait_for(
        lambda: stand.connect.accepted(stand.token) > before, PRINT_TIMEOUT_S
    )
    gap_s = stand.connect.min_gap_s(stand.token)
    assert gap_s is not None
    assert gap_s >= 10
    assert not any(request.leaks for request in stand.connect.requests)
    assert all(request.whole_jpeg for request in uploads(stand))
    log = stand.engine.log.read_text() + stand.moonraker.log_text
    assert stand.token not in log
    assert "Traceback" not in log


def uploads(stand: Stand) -> list[Any]:
    return [r for r in stand.connect.requests if r.path == "/c/snapshot"]


async def test_print_without_macros_when_slicer_reports_layers_then_all_are_recorded(
    stand: Stand,
) -> None:
    gcode = "\n".join(
        line for line in vase(LAYERS).splitlines() if not line.startswith("PRUSACAM")
    )
    await stand.start_print("plain.gcode", gcode)
    await print_over(stand)
    job = await finished_job(stand)
    assert await decoded_frames(stand, job) == LAYERS


async def test_parked_frames_then_they_show_the_head_parked(stand: Stand) -> None:
    await stand.start_print("parked.gcode", vase(3, park=True))
    await frames_recorded(stand, 2)
    (folder,) = (stand.data_path / "prusacam" / "jobs").iterdir()
    frames = sorted(folder.glob("frame-*.jpg"))
    for number, frame in enumerate(frames[:2], 1):
        tag = read_tag(frame.read_bytes())
        assert tag is not None
        assert tag.layer == number
        assert f"layer-{number}" in frame.name
    await print_over(stand)
    await finished_job(stand)


async def test_engine_when_killed_in_a_print_then_no_recorded_frame_is_lost(
    stand: Stand,
) -> None:
    await stand.start_print(FILE, vase(LAYERS))
    await frames_recorded(stand, 2)
    await stand.engine.kill()
    dead_at = stand.printer.layer or 0
    # The print does not wait: it reaches the next layers with nobody listening.
    await asyncio.wait_for(layer_reached_without_engine(stand, dead_at + 1), 60)
    await stand.start_engine()
    await print_over(stand)
    job = await finished_job(stand)
    assert job["filename"] == FILE
    assert LAYERS - 2 <= job["frames"] <= LAYERS
    assert await decoded_frames(stand, job) == job["frames"]
    jobs = (await stand.call_engine("timelapse.list"))["jobs"]
    assert len(jobs) == 1


async def layer_reached_without_engine(stand: Stand, layer: int) -> None:
    while (stand.printer.layer or 0) < layer:
        await stand.moonraker.request("GET", "/server/info")


async def test_moonraker_when_restarted_in_a_print_then_the_video_goes_on(
    stand: Stand,
) -> None:
    await stand.start_print(FILE, vase(LAYERS))
    await frames_recorded(stand, 2)
    await stand.moonraker.restart()
    await print_over(stand)
    job = await finished_job(stand)
    assert job["filename"] == FILE
    assert job["frames"] >= 3
    assert await decoded_frames(stand, job) == job["frames"]
    jobs = (await stand.call_engine("timelapse.list"))["jobs"]
    assert len(jobs) == 1


async def test_moonraker_when_killed_in_a_print_then_the_print_ends_all_the_same(
    stand: Stand,
) -> None:
    await stand.start_print(FILE, vase(LAYERS))
    await frames_recorded(stand, 2)
    await stand.moonraker.kill()
    await print_over(stand)
    await stand.moonraker.start()
    job = await finished_job(stand)
    assert (job["filename"], job["outcome"]) == (FILE, "complete")
    assert await decoded_frames(stand, job) == job["frames"] >= 2


async def test_camera_when_gone_and_back_then_stream_and_video_go_on(
    stand: Stand,
) -> None:
    session = stand.moonraker.session
    snapshot = f"{stand.engine_url}/snapshot.jpg"
    await stand.start_print(FILE, vase(LAYERS))
    await frames_recorded(stand, 1)
    stand.camera.pause_accepting()
    stand.camera.drop_client()

    async def is_refused() -> bool:
        async with session.get(snapshot) as response:
            if response.status == 503:
                assert int(response.headers["Retry-After"]) > 0
                assert "detail" in await response.json()
            return response.status == 503

    await stand.until(is_refused, "the old picture to be refused")
    async with session.get(f"{snapshot}?placeholder=1") as response:
        assert response.status == 200
        assert response.headers["X-Prusacam-Placeholder"] == "failed"
        with Image.open(io.BytesIO(await response.read())) as picture:
            picture.load()
    stand.camera.pause_accepting(False)

    async def is_live() -> bool:
        async with session.get(snapshot) as response:
            return response.status == 200

    await stand.until(is_live, "the picture to come back")
    await print_over(stand)
    job = await finished_job(stand)
    assert job["frames"] + job["gaps"] >= LAYERS
    assert await decoded_frames(stand, job) == job["frames"] >= 2


async def test_component_when_engine_is_absent_then_moonraker_lives_and_link_heals(
    stand: Stand,
) -> None:
    await stand.engine.aclose()
    await stand.moonraker.restart()

    async def is_told() -> bool:
        info = await stand.moonraker.request("GET", "/server/info")
        assert info["failed_components"] == []
        return any("systemctl start prusacam" in text for text in info["warnings"])

    await stand.until(is_told, "the warning")
    begun = time.monotonic()
    url = f"{stand.moonraker.url}/server/prusacam/status"
    async with stand.moonraker.session.get(url) as response:
        assert response.status == 503
        assert "prusacam" in (await response.text())
    assert time.monotonic() - begun < 3.0  # less than an engine gets to answer
    # A print with our macros runs to its end with nobody at the other end.
    await stand.start_print("alone.gcode", vase(2))
    async with asyncio.timeout(PRINT_TIMEOUT_S):
        while stand.printer.state != "complete":
            await stand.moonraker.request("GET", "/server/info")
    await stand.start_engine()

    async def is_healed() -> bool:
        healed = await stand.moonraker.request("GET", "/server/info")
        return not healed["warnings"] and bool(await webcam_names(stand))

    await stand.until(is_healed, "the link to come back")


async def test_print_when_cancelled_then_video_of_what_there_was(stand: Stand) -> None:
    await stand.start_print("c.gcode", vase(LAYERS))
    await frames_recorded(stand, 2)
    await stand.moonraker.request("POST", "/printer/print/cancel")
    job = await finished_job(stand)
    assert job["outcome"] == "cancelled"
    assert job["video"].endswith("_cancelled.mp4")
    assert await decoded_frames(stand, job) == job["frames"] >= 2


async def test_print_when_emergency_stop_then_video_of_what_there_was(
    stand: Stand,
) -> None:
    await stand.start_print("e.gcode", vase(LAYERS))
    await frames_recorded(stand, 2)
    await stand.moonraker.request("POST", "/printer/emergency_stop")
    job = await finished_job(stand)
    assert job["outcome"] == "error"
    assert await decoded_frames(stand, job) == job["frames"] >= 2
    await stand.moonraker.request("POST", "/printer/firmware_restart")
    status = await stand.call_engine("timelapse.status")
    assert status["active"] is None


async def test_klipper_when_killed_in_a_print_then_video_of_what_there_was(
    stand: Stand,
) -> None:
    await stand.start_print("k.gcode", vase(LAYERS))
    await frames_recorded(stand, 2)
    await stand.printer.kill()
    job = await finished_job(stand)
    assert job["outcome"] == "interrupted"
    assert await decoded_frames(stand, job) == job["frames"] >= 2
