# Tests of what a video shows, frame by frame, whatever became of the frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every picture shows the number of its layer, and the finished video is read."""

from __future__ import annotations

import asyncio
import json
import os
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.naming import MAX_STEM_BYTES
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.timelapse import Job
from tests.support.scripted_print import (
    LayerCamera,
    Script,
    layer_picture,
    layers_shown,
)
from tests.support.timelapse import Host, Printer, StubCamera, videos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from moonraker_prusacam.camera import Frame

LAYERS = 30
YEAR_S = 365 * 86400.0


class ShownLayer(StubCamera):
    """A camera that shows the layer of its printer."""

    def __init__(self) -> None:
        super().__init__()
        self.printer: Printer | None = None
        self._shown = LayerCamera(Script())

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        await super().wait_newer(than_ns, timeout_s)
        self._shown.layer = (self.printer and self.printer.layer) or 0
        return await self._shown.wait_newer(than_ns, timeout_s)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    opened.camera = ShownLayer()
    yield opened
    await opened.aclose()


async def begin(host: Host, filename: str = "cube.gcode", **options: Any) -> Printer:
    printer = Printer(await host.boot(**options), filename)
    assert isinstance(host.camera, ShownLayer)
    host.camera.printer = printer
    await printer.begin()
    return printer


async def print_layers(host: Host, printer: Printer, first: int, last: int) -> None:
    for layer in range(first, last + 1):
        await printer.print_layers(layer, layer)
        await host.frames(layer)


def active(printer: Printer) -> Job:
    job = printer.timelapse.active
    assert job is not None
    return job


async def shown(host: Host, job: dict[str, Any]) -> list[int]:
    return await asyncio.to_thread(layers_shown, host.videos_path / job["video"])


DAMAGE = {
    "zero bytes": lambda _: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "HTML": lambda _: b"<html><body>404 Not Found</body></html>",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    "bad", [(1,), (2,), (7, 8), (25,), (26,), (30,), (25, 26), tuple(range(26, 31))]
)
async def test_video_when_frames_are_damaged_then_as_long_and_neighbours_are_shown(
    host: Host, damage: Any, bad: tuple[int, ...]
) -> None:
    # The encoder waits, so that it finds the frames as the disk left them.
    printer = await begin(host, ffmpeg=host.path / "later", fps=25.0)
    await print_layers(host, printer, 1, LAYERS)
    folder = active(printer).path
    for layer in bad:
        path = folder / f"frame-{layer:06d}-layer-{layer}.jpg"
        path.write_bytes(damage(layer_picture(layer)))
    await printer.timelapse.aclose()
    printer.timelapse = await host.boot()
    await printer.tell("complete", "complete")
    job = await host.rendered()
    found = await shown(host, job)
    sound = [layer for layer in range(1, LAYERS + 1) if layer not in bad]
    assert sorted(set(found) - set(bad)) == sound
    assert found == sorted(found)
    assert job["gaps"] == len(bad)
    # A whole segment without a picture has no neighbour to show.
    lost = len(bad) if len(bad) == 5 else 0
    assert job["frames"] == len(found) == LAYERS - lost


@pytest.mark.parametrize(
    "gone", [(1,), (2,), (7, 8), (25,), (26,), (30,), (24, 25, 26)]
)
@pytest.mark.parametrize("gaps", ["repeat", "skip"])
async def test_video_when_the_camera_was_gone_then_gaps_are_as_configured(
    host: Host, gone: tuple[int, ...], gaps: str
) -> None:
    printer = await begin(host, gaps=gaps)
    for layer in range(1, LAYERS + 1):
        host.camera.gone = layer in gone
        await print_layers(host, printer, layer, layer)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    found = await shown(host, job)
    there = [layer for layer in range(1, LAYERS + 1) if layer not in gone]
    assert sorted(set(found)) == there
    assert found == sorted(found)
    assert job["gaps"] == len(gone)
    assert len(found) == (LAYERS if gaps == "repeat" else len(there))


NAMES = {
    "quotes": "gal'ile\"o's.gcode",
    "newline": "two\nlines.gcode",
    "unicode": "Würfel_立方体_🎲.gcode",
    "not composed": "Wu\u0308rfel.gcode",
    "right to left": "\u202egpj.cube.gcode",
    "lone surrogate": "bad\udcff.gcode",
    "parents": "../../../etc/passwd",
    "absolute": "/etc/shadow.gcode",
    "dash": "-rf *.gcode",
    "percent": "%06d%n%s.gcode",
    "dots": "....gcode",
    "blank": "   .gcode",
    "hidden": ".hidden.gcode",
    "255 bytes": "x" * 249 + ".gcode",
    "255 bytes of unicode": "ü" * 124 + "x.gcode",
    "4096": "y" * 4096,
    "zero": "a\0b.gcode",
    "empty": "",
    "filter": "a:b,c=[d];'e'\\f.gcode",
    "url": "http://127.0.0.1/x.gcode?a=1#b",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_video_when_the_name_is_hostile_then_it_is_only_a_name(
    host: Host, name: str
) -> None:
    printer = await begin(host, name, save_frames=True)
    await print_layers(host, printer, 1, 2)
    printer.timelapse = await host.boot(save_frames=True)  # the record is read again
    await printer.tell("sync")
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert job["filename"] == name
    video = host.videos_path / job["video"]
    assert video.parent == host.videos_path
    assert video.stem == video.stem.strip(" .-")
    assert len(os.fsencode(video.name)) <= MAX_STEM_BYTES + 30
    assert await shown(host, job) == [1, 2]
    files = {path.name for path in host.videos_path.iterdir()}
    stem = video.stem
    assert files == {f"{stem}{end}" for end in (".mp4", ".jpg", ".zip")} | {
        f".{stem}.json"
    }
    sidecar = json.loads((host.videos_path / f".{stem}.json").read_bytes())
    assert sidecar["job"]["file"] == name
    with zipfile.ZipFile(video.with_suffix(".zip")) as stored:
        assert len(stored.namelist()) == 2
        assert stored.testzip() is None


async def test_video_when_the_clock_is_set_back_then_it_is_made_and_kept(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await begin(host)
    await print_layers(host, old, 1, 2)
    await old.tell("complete", "complete")
    first = await host.rendered()
    await old.timelapse.aclose()
    printer = await begin(host, "next.gcode", keep_videos=1, keep_days=30.0)
    await print_layers(host, printer, 1, 2)
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() - YEAR_S)
    await print_layers(host, printer, 3, 4)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert await shown(host, job) == [1, 2, 3, 4]
    await printer.timelapse.aclose()
    assert videos(host.videos_path) == [job["video"]]  # and not the one before
    assert job["video"] != first["video"]
    sidecar = json.loads(
        (host.videos_path / f".{Path(job['video']).stem}.json").read_bytes()
    )
    assert sidecar["frames"] == {"shown": 4, "gaps": 0, "chosen": 0}


def recording(host: Host, filename: str, frames: int) -> Job:
    """A job as a kill leaves it: nothing was written since its print was known."""
    job = Job.create(host.jobs_path, camera="front", trigger="auto", print_id=filename)
    job.record.filename = filename
    job.save()
    for layer in range(1, frames + 1):
        job.add_frame(layer_picture(layer), layer, layer)
    return job


async def test_engine_when_the_clock_was_set_back_then_the_running_job_goes_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(recording, host, "left.gcode", 2)
    strftime, wall = time.strftime, time.time
    monkeypatch.setattr(
        time, "strftime", lambda form, *when: "2001" + strftime(form, *when)[4:]
    )
    monkeypatch.setattr(time, "time", lambda: wall() - YEAR_S)
    await asyncio.to_thread(recording, host, "runs.gcode", 3)
    again = await host.boot()
    assert again.active is not None
    assert again.active.record.filename == "runs.gcode"
    job = await host.rendered()
    assert (job["filename"], job["outcome"]) == ("left.gcode", "interrupted")


async def test_job_when_it_was_killed_before_its_record_knew_then_frames_are_kept(
    host: Host,
) -> None:
    for filename in ("killed.gcode", "next.gcode"):
        await asyncio.to_thread(recording, host, filename, 3)
    await host.boot()
    job = await host.rendered()
    assert (job["filename"], job["frames"]) == ("killed.gcode", 3)
    assert await shown(host, job) == [1, 2, 3]


async def test_job_when_its_end_was_noted_before_a_kill_then_it_is_not_interrupted(
    host: Host,
) -> None:
    job = await asyncio.to_thread(recording, host, "over.gcode", 3)
    job.record.outcome = "complete"
    await asyncio.to_thread(job.save)
    again = await host.boot()
    assert again.active is None
    assert (await host.rendered())["outcome"] == "complete"


async def test_discard_when_it_was_cut_short_then_a_start_goes_on(host: Host) -> None:
    printer = await begin(host)
    await print_layers(host, printer, 1, 3)
    job = active(printer)
    removed = job.path.with_name(f".removed-{job.path.name}")
    await asyncio.to_thread(job.path.rename, removed)
    await asyncio.to_thread((removed / "job.json").unlink)
    again = await host.boot()
    assert again.jobs == []
    assert not any(await asyncio.to_thread(lambda: list(host.jobs_path.iterdir())))


@pytest.mark.parametrize(("last", "outcome"), [(3, "complete"), (2, "interrupted")])
@pytest.mark.parametrize("kind", ["selected", "layer"])
async def test_print_when_the_next_follows_at_once_then_its_last_layer_tells(
    host: Host, last: int, outcome: str, kind: str
) -> None:
    printer = await begin(host)
    printer.total_layers = 3
    await print_layers(host, printer, 1, last)
    # Klipper tells its state every 250 ms; the end was between two of these.
    later_ns = time.monotonic_ns() + 60 * 10**9
    after = PrintState("printing", "cube.gcode", 0.1, None, 3)
    await printer.timelapse.handle(PrintEvent(PrintEventKind(kind), after, later_ns))
    assert (await host.rendered())["outcome"] == outcome


async def test_ffmpeg_when_it_left_a_folder_then_a_start_removes_it(
    host: Host,
) -> None:
    left = host.path / "prusacam" / "work" / "prusacam-12345678"
    left.mkdir(parents=True)
    (left / "000000.jpg").symlink_to("nowhere")
    await host.boot()
    assert not left.exists()
