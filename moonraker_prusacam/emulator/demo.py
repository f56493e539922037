# The demo: the whole job, watched from outside.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints 20 layers on a simulated host and checks what a user would look for.

Every check asks as a user's program would: Moonraker's API, the engine's web address,
ffmpeg on the finished file. A step that does not happen ends the demo with status 1.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moonraker_prusacam.errors import EmulatorError, PrusacamError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.video import FFmpeg

from .gcode_file import vase
from .moonraker import moonraker_python
from .stand import CAMERA, ENGINE_PORT, Stand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LAYERS = 20
SPEED = 2.5
FILE = "demo vase.gcode"
PRINT_TIMEOUT_S = 110.0
RENDER_TIMEOUT_S = 60.0
VIDEO_TIMEOUT_S = 60.0
UPLOAD_TIMEOUT_S = 30.0
STREAM_PARTS = 15
PHONE = "android"
DEFAULT_OUTPUT = Path("prusacam-demo")


class Demo:
    """One run of the demo; what it makes is kept in ``output``."""

    def __init__(self, *, moonraker: Path | None, output: Path | None) -> None:
        self._moonraker = moonraker
        self._output = (output or DEFAULT_OUTPUT).absolute()
        self._console = Console(highlight=False)
        self._table = Table(title="What happened")
        for heading in ("what", "figure"):
            self._table.add_column(heading, overflow="fold")
        self._print_ended = 0.0

    async def run(self, *, once: bool) -> bool:
        """Whether every step happened; without ``once`` it goes on until Ctrl-C."""
        moonraker = moonraker_python(self._moonraker)
        # A short path of its own: Linux allows 107 bytes for that of a socket.
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="prusacam-"))
        stand = Stand(
            folder,
            moonraker=moonraker,
            speed=SPEED,
            preferred_port=0 if once else ENGINE_PORT,
            prusa_camera=True,
            multicam_options="",
            phones=(PHONE,),
        )
        try:
            return await self._run(stand, once=once)
        except (PrusacamError, aiohttp.ClientError) as error:
            self._console.print(f"[red]✗[/] {escape(str(error))}")
            return False
        finally:
            await stand.aclose()
            await asyncio.to_thread(self._keep, stand)

    async def _run(self, stand: Stand, *, once: bool) -> bool:
        begun = time.monotonic()
        await self._step("printer host is up", stand.start)
        steps: list[tuple[str, Callable[[Stand], Awaitable[None]]]] = [
            ("Moonraker loaded the component", self._check_component),
            ("webcam is listed by Moonraker", self._check_webcam),
            ("snapshots are served", self._check_snapshots),
            ("stream delivers parts", self._check_stream),
            (f"print of {LAYERS} layers is complete", self._print),
            ("video is in Moonraker's timelapse root", self._check_video),
            ("the Prusa camera's own video is there, too", self._check_prusa_camera),
            ("a phone has recorded it in sync", self._check_phone),
            ("Prusa Connect accepted snapshots", self._check_uploads),
        ]
        for name, step in steps:
            await self._step(name, lambda step=step: step(stand))  # type: ignore[misc]
        self._table.add_row("whole demo", f"{time.monotonic() - begun:.1f} s")
        self._console.print(self._table)
        if not once:
            await self._linger(stand)
        return True

    async def _step(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        with self._console.status(name):
            await step()
        self._console.print(f"[green]✓[/] {name}")

    async def _check_component(self, stand: Stand) -> None:
        info = await stand.moonraker.request("GET", "/server/info")
        if "prusacam" not in info["components"] or info["failed_components"]:
            raise EmulatorError(f"failed components: {info['failed_components']}")
        if info["warnings"]:
            raise EmulatorError(f"Moonraker warns: {info['warnings']}")

    async def _check_webcam(self, stand: Stand) -> None:
        webcams = await stand.until(lambda: _webcams(stand), "the webcam")
        self._table.add_row("webcam in Moonraker", webcams[0]["stream_url"])

    async def _check_snapshots(self, stand: Stand) -> None:
        size = ""
        for url in (
            f"{stand.engine_url}/snapshot.jpg",
            f"{stand.engine_url}/?action=snapshot",
            f"{stand.moonraker.url}/server/prusacam/snapshot",
        ):
            picture = await stand.until(lambda url=url: _get(stand, url), url)  # type: ignore[misc]
            with Image.open(io.BytesIO(picture)) as image:
                image.load()
                size = f"{image.width}x{image.height}, {len(picture)} bytes"
        self._table.add_row("snapshot", size)

    async def _check_stream(self, stand: Stand) -> None:
        parts = received = 0
        begun = 0.0
        url = f"{stand.engine_url}/stream.mjpg"
        async with stand.moonraker.session.get(url) as response:
            reader = aiohttp.MultipartReader.from_response(response)
            while parts < STREAM_PARTS:
                part = await reader.next()
                if not isinstance(part, aiohttp.BodyPartReader):
                    raise EmulatorError(f"the stream ended after {parts} parts")
                received += len(await part.read())
                parts += 1
                begun = begun or time.monotonic()
        fps = (parts - 1) / (time.monotonic() - begun)
        self._table.add_row("stream", f"{parts} parts, {received} bytes, {fps:.1f} fps")

    async def _print(self, stand: Stand) -> None:
        begun = time.monotonic()
        await stand.start_print(FILE, vase(LAYERS))
        await stand.until(lambda: _is_complete(stand), "the print", PRINT_TIMEOUT_S)
        self._print_ended = time.monotonic()
        self._table.add_row("print", f"{self._print_ended - begun:.1f} s")

    async def _check_video(self, stand: Stand) -> None:
        job = await stand.until(
            lambda: _finished_job(stand), "the video", RENDER_TIMEOUT_S
        )
        if job["state"] != "done":
            raise EmulatorError(f"the timelapse failed: {job['error']}")
        files = await stand.moonraker.request(
            "GET", "/server/files/list", root="timelapse"
        )
        if job["video"] not in [file["path"] for file in files]:
            raise EmulatorError(f"{job['video']} is not in the timelapse root: {files}")
        video = stand.data_path / "timelapse" / job["video"]
        encoder = FFmpeg(find_ffmpeg(None))
        frames = await encoder.count_decoded(video)
        if frames != LAYERS:
            raise EmulatorError(f"the video has {frames} frames for {LAYERS} layers")
        self._table.add_row("frames in the video, decoded", f"{frames}")
        if job["chosen"]:  # of none, where the macros park the head
            self._table.add_row("of them chosen by motion", f"{job['chosen']}")
        self._table.add_row("video", f"{job['video']}, {job['video_bytes']} bytes")
        self._table.add_row("video length", f"{frames / 30:.2f} s at 30 fps")
        self._table.add_row(
            "last frame to finished video", f"{job['seconds_from_last_frame']} s"
        )

    async def _check_prusa_camera(self, stand: Stand) -> None:
        """It records on its own card, and the engine gets the video from Connect."""
        job = await stand.until(
            lambda: _prusa_camera_job(stand),
            "the Prusa camera's video",
            VIDEO_TIMEOUT_S,
        )
        if job["state"] != "done":
            raise EmulatorError(f"the Prusa camera's video failed: {job['reason']}")
        video = stand.data_path / "timelapse" / job["video"]
        frames = await FFmpeg(find_ffmpeg(None)).count_decoded(video)
        after_s = time.monotonic() - self._print_ended
        self._table.add_row(
            "Prusa camera's video", f"{job['video']}, {job['video_bytes']} bytes"
        )
        self._table.add_row("frames in it, decoded", f"{frames}")
        self._table.add_row("print end to its download", f"at most {after_s:.1f} s")

    async def _check_phone(self, stand: Stand) -> None:
        """It and our camera began at one instant, and their videos have come."""
        recording = await stand.until(
            lambda: _recording(stand), "the recordings", VIDEO_TIMEOUT_S
        )
        after_s = time.monotonic() - self._print_ended
        for device in recording["devices"]:
            name = device["name"]
            if device["video"] is None:
                raise EmulatorError(f"no video from {name}: {device['reason']}")
            video = stand.data_path / "timelapse" / device["video"]
            frames = await FFmpeg(find_ffmpeg(None)).count_decoded(video)
            offset_s = device["offset_s"]
            begins = "nobody knows when"
            if offset_s is not None:
                begins = f"begins {offset_s:+.3f} s from the instant"
            figure = f"{frames}, {begins}"
            self._table.add_row(f"frames of '{name}'", figure)
        self._table.add_row("print end to these videos", f"at most {after_s:.1f} s")

    async def _check_uploads(self, stand: Stand) -> None:
        """The upload at print end may have to wait for its 10 s gap."""

        async def last_upload() -> float | None:
            times = [
                request.ended_s - self._print_ended
                for request in stand.connect.requests
                if request.path == "/c/snapshot" and request.status < 300
            ]
            return times[-1] if times and times[-1] > 0 else None

        after_s = await stand.until(last_upload, "the last upload", UPLOAD_TIMEOUT_S)
        self._table.add_row("print end to its last upload", f"{after_s:.1f} s")
        gap_s = stand.connect.min_gap_s(stand.token)
        if gap_s is not None and gap_s < 10:
            raise EmulatorError(f"two uploads were only {gap_s:.2f} s apart")
        gap = "" if gap_s is None else f", at least {gap_s:.1f} s apart"
        accepted = stand.connect.accepted(stand.token)
        self._table.add_row("uploads to Prusa Connect", f"{accepted} accepted{gap}")

    async def _linger(self, stand: Stand) -> None:
        self._console.print(
            f"\nEngine      {stand.engine_url}/\n"
            f"Stream      {stand.engine_url}/stream.mjpg\n"
            f"Moonraker   {stand.moonraker.url}/server/prusacam/status\n"
            f"Video       {stand.data_path / 'timelapse'}\n"
            f"\nCtrl-C ends it; video and logs are then in {self._output}"
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, stop.set)
        await stop.wait()

    def _keep(self, stand: Stand) -> None:
        """Keep what a person may want to look at, remove the rest."""
        self._output.mkdir(parents=True, exist_ok=True)
        kept = [
            stand.folder / "prusacam.log",
            stand.data_path / "logs" / "moonraker.log",
            *(stand.data_path / "timelapse").glob("*"),
        ]
        for path in kept:
            if path.exists():
                shutil.copy(path, self._output)
        if picture := stand.connect.last_image(stand.token):
            (self._output / "last-upload.jpg").write_bytes(picture)
        shutil.rmtree(stand.folder, ignore_errors=True)
        self._console.print(f"Video, pictures and logs are in {self._output}")


async def _webcams(stand: Stand) -> list[dict[str, Any]]:
    answer = await stand.moonraker.request("GET", "/server/webcams/list")
    return [webcam for webcam in answer["webcams"] if webcam["name"] == CAMERA]


async def _get(stand: Stand, url: str) -> bytes | None:
    async with stand.moonraker.session.get(url) as response:
        return await response.read() if response.status == 200 else None


async def _is_complete(stand: Stand) -> bool:
    answer = await stand.moonraker.request(
        "GET", "/printer/objects/query", print_stats=""
    )
    state = answer["status"]["print_stats"]["state"]
    if state in ("error", "cancelled"):
        raise EmulatorError(f"the print ended in state {state}")
    return bool(state == "complete")


async def _finished_job(stand: Stand) -> dict[str, Any] | None:
    answer = await stand.moonraker.request("GET", "/server/prusacam/timelapse/status")
    job: dict[str, Any] | None = answer["last"]
    return job if job and job["state"] in ("done", "failed") else None


async def _prusa_camera_job(stand: Stand) -> dict[str, Any] | None:
    answer = await stand.moonraker.request(
        "GET", "/server/prusacam/prusa_camera/timelapse/list"
    )
    jobs: list[dict[str, Any]] = answer["jobs"]
    over = [job for job in jobs if job["state"] in ("done", "failed", "missed")]
    return over[-1] if over else None


async def _recording(stand: Stand) -> dict[str, Any] | None:
    answer = await stand.moonraker.request("GET", "/server/prusacam/multicam/status")
    last: dict[str, Any] | None = answer["last"]
    return last
