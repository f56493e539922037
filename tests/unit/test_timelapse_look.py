# Tests of how videos look.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way up videos are, what is written on them, and what is known of them."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from PIL import Image

from moonraker_prusacam import config as configuration
from moonraker_prusacam.config import TrackConfig
from moonraker_prusacam.errors import ConfigErrors
from moonraker_prusacam.sidecar import read_sidecar
from moonraker_prusacam.timelapse import Job
from moonraker_prusacam.timelapse.job import StoredFrame
from moonraker_prusacam.timelapse.look import Look, Looks, captions
from moonraker_prusacam.timelapse.panel_settings import apply
from moonraker_prusacam.video import FFmpeg, encoders
from moonraker_prusacam.video.codec import codec_named
from moonraker_prusacam.video.hardware import Choice
from tests.support.timelapse import Host, Printer, until
from tests.support.video import programs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 200, 0), (0, 0, 200), (230, 230, 230)
SIZE = (96, 64)
ORIENTATIONS = list(itertools.product((False, True), (False, True), (0, 90, 180, 270)))


def quarters() -> bytes:
    """A JPEG whose quarters tell which way up it is."""
    width, height = SIZE
    image = Image.new("RGB", SIZE)
    for colour, x, y in ((RED, 0, 0), (GREEN, 1, 0), (BLUE, 0, 1), (WHITE, 1, 1)):
        image.paste(colour, (x * 48, y * 32, x * 48 + 48, y * 32 + 32))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    assert (width, height) == image.size
    return out.getvalue()


def turned(
    image: Image.Image,
    rotation: int,
    *,
    flip_horizontal: bool = False,
    flip_vertical: bool = False,
) -> Image.Image:
    """What a person sees in Mainsail and in Fluidd."""
    image = image.rotate(-rotation, expand=True)
    if flip_horizontal:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if flip_vertical:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def colours(image: Image.Image) -> list[str]:
    """The nearest colour in the middle of each quarter."""
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    width, height = image.size
    found = []
    for x, y in ((1, 1), (3, 1), (1, 3), (3, 3)):
        pixel = image.convert("RGB").getpixel((width * x // 4, height * y // 4))
        assert isinstance(pixel, tuple)
        found.append(
            min(
                names,
                key=lambda name: sum(
                    abs(a - b) for a, b in zip(names[name], pixel, strict=True)
                ),
            )
        )
    return found


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    opened.camera.picture = quarters()
    yield opened
    await opened.aclose()


async def print_it(host: Host, layers: int = 2, **options: Any) -> dict[str, Any]:
    timelapse = await host.boot(**options)
    printer = Printer(timelapse)
    printer.total_layers = layers
    await printer.begin()
    for layer in range(1, layers + 1):
        await printer.print_layers(layer, layer)
        await host.frames(layer)
    await printer.tell("complete", "complete")
    return await host.rendered()


async def frame_of(host: Host, video: str, number: int = 0) -> Image.Image:
    """A frame as a player shows it."""
    shown = host.path / "shown.png"
    await FFmpeg(programs()[0]).run(
        [
            *("-i", str(host.videos_path / video)),
            *("-vf", f"select=eq(n\\,{number})", "-frames:v", "1", "-update", "1"),
            str(shown),
        ],
        timeout_s=20,
    )
    image = Image.open(shown)
    image.load()
    return image


@pytest.mark.parametrize("caption", [None, "{layer}"])
@pytest.mark.parametrize(("flip_horizontal", "flip_vertical", "rotation"), ORIENTATIONS)
async def test_video_and_preview_when_a_camera_is_turned_then_they_are_upright(
    host: Host,
    flip_horizontal: bool,
    flip_vertical: bool,
    rotation: int,
    caption: str | None,
) -> None:
    host.front = attrs.evolve(
        host.front,
        flip_horizontal=flip_horizontal,
        flip_vertical=flip_vertical,
        rotation=rotation,
    )
    done = await print_it(host, hold_s=0.1, caption=caption)
    expected = turned(
        Image.open(io.BytesIO(quarters())),
        rotation,
        flip_horizontal=flip_horizontal,
        flip_vertical=flip_vertical,
    )
    shown = await frame_of(host, done["video"])
    held = await frame_of(host, done["video"], 3)
    poster = Image.open(next(host.videos_path.glob("*.jpg")))
    for image in (shown, held, poster):
        assert image.size == expected.size
        assert colours(image) == colours(expected)


@pytest.mark.parametrize("flip_horizontal", [False, True])
async def test_rotation_when_changed_during_a_print_then_the_video_is_upright(
    host: Host, flip_horizontal: bool
) -> None:
    timelapse = await host.boot(flip_horizontal=flip_horizontal)
    printer = Printer(timelapse)
    await printer.begin()
    for layer in range(1, 28):
        await printer.print_layers(layer, layer)
        await host.frames(layer)
    # The panel knows of no flip: what is sealed by now has the one that was configured.
    job = timelapse.active
    assert job is not None
    await until(lambda: job.contents().segments)
    await timelapse.configure({"rotation": 90})
    await printer.tell("complete", "complete")
    done = await host.rendered()
    expected = turned(
        Image.open(io.BytesIO(quarters())), 90, flip_horizontal=flip_horizontal
    )
    shown = await frame_of(host, done["video"])
    assert (shown.size, colours(shown)) == (expected.size, colours(expected))


async def test_caption_when_it_changes_by_layer_then_every_frame_has_its_own(
    host: Host,
) -> None:
    done = await print_it(host, 3, progress_bar=True)
    rows = []
    for number in range(3):
        image = (await frame_of(host, done["video"], number)).convert("RGB")
        row = [image.getpixel((x, image.height - 1)) for x in range(image.width)]
        rows.append(sum(pixel[0] - pixel[2] > 60 for pixel in row))  # type: ignore[index]
    # Klipper told of three layers, and the bar grows by a third with each.
    assert rows[0] < rows[1] < rows[2]
    assert rows[2] >= SIZE[0] - 4


async def test_preview_image_when_it_is_off_then_there_is_none(host: Host) -> None:
    timelapse_event = await print_it(host, preview_image=False)
    assert not list(host.videos_path.glob("*.jpg"))
    (event,) = host.events.of("render", status="success")
    assert event["previewimage"] == ""
    assert timelapse_event["video"]


async def test_sidecar_when_a_print_is_done_then_it_tells_all_of_it(host: Host) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    printer.file = {"slicer": "PrusaSlicer", "layer_count": 3, "filament_total": 12.5}
    await printer.begin()
    for layer in (1, 2):
        await printer.print_layers(layer, layer)
        await host.frames(layer)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    video = host.videos_path / done["video"]
    known = await asyncio.to_thread(read_sidecar, video)
    assert known["slicer"] == printer.file
    assert known["job"]["layers"] == 3
    assert known["job"]["outcome"] == "complete"
    assert known["encoding"]["encoder"] == "libx264"
    assert known["encoding"]["ffmpeg"][0].isdigit()


def test_looks_when_a_track_is_turned_then_the_camera_s_own_is_not_used(
    host: Host, tmp_path: Path
) -> None:
    front = attrs.evolve(host.front, rotation=90, flip_horizontal=True)
    looks = Looks((TrackConfig(),), {"front": front})
    job = Job.create(tmp_path, camera="front", trigger="auto")
    assert looks.of(job) == Look(flip_vertical=True, rotation=90)
    looks.change_first(TrackConfig(rotation=180))
    assert looks.of(job) == Look(rotation=180)
    looks.change_first(TrackConfig(flip_vertical=False))
    assert looks.of(job) == Look()
    gone = Job.create(tmp_path, camera="gone", trigger="auto", track="other")
    assert looks.of(gone) == Look()


def test_panel_when_it_turns_the_video_then_only_what_can_be(host: Host) -> None:
    turn = {"rotation": 90, "flip_x": True}
    changed = apply(host.config, turn, ())
    assert (changed.rotation, changed.flip_horizontal) == (90, True)
    for nothing in ({}, {"rotation": 0, "flip_x": False}, {"rotation": 45}):
        assert apply(host.config, nothing, ()).rotation is None
    assert not apply(host.config, {"previewimage": False}, ()).preview_image


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{file}: {layer}/{layers} {percent}", "benchy: 5/20 25%"),
        ("{elapsed} {date}", "1:02 2026-11-21"),
        ("{{{time}}}", "{13:45}"),
        ("plain", "plain"),
    ],
)
def test_captions_when_fields_are_known_then_they_are_in_the_text(
    tmp_path: Path, template: str, shown: str
) -> None:
    job = Job.create(tmp_path, camera="front", trigger="auto")
    taken_s = time.mktime((2026, 11, 21, 13, 45, 0, 0, 0, -1))
    job.record.filename = "parts/benchy.gcode"
    job.record.total_layers = 20
    job.record.created = taken_s - 3725
    path = tmp_path / "frame.jpg"
    path.touch()
    os.utime(path, (taken_s, taken_s))
    frames = [StoredFrame(path, 1, 5)]
    (caption,) = captions(Look(caption=template), frames, job.record)
    assert (caption.text, caption.progress) == (shown, None)


def test_captions_when_nothing_is_known_then_a_dash_is_shown(tmp_path: Path) -> None:
    job = Job.create(tmp_path, camera="front", trigger="auto")
    frames = [StoredFrame(job.path / "job.json", 1, None)]
    look = Look(caption="{file} {layer} {layers} {percent}", progress_bar=True)
    (caption,) = captions(look, frames, job.record)
    assert (caption.text, caption.progress) == ("- - - -", None)
    assert captions(Look(), frames, job.record) == []


@pytest.mark.parametrize(
    "written",
    ["{nozzle}", "{layer!r}", "{layer:>5}", "{", "}", "{}", "{0}", "{file.x}"],
)
def test_caption_when_a_field_does_not_exist_then_the_error_names_it(
    written: str,
) -> None:
    content = f"[camera front]\nsource: tcp://h:1\n\n[timelapse]\ncaption: {written}\n"
    with pytest.raises(ConfigErrors) as told:
        configuration.loads(content)
    assert "caption" in str(told.value)
    assert "line 5" in str(told.value)


def test_record_when_it_has_a_look_then_it_is_read_again(tmp_path: Path) -> None:
    job = Job.create(tmp_path, camera="front", trigger="auto")
    job.record.look = Look(rotation=90, caption="x")
    job.record.slicer = {"slicer": "PrusaSlicer", "layer_count": 12}
    job.save()
    assert Job.load(job.path).record == job.record
    assert json.loads((job.path / "job.json").read_bytes())["look"]["rotation"] == 90


HARDWARE = """#!/bin/sh
case "$*" in
    *h264_v4l2m2m*) [ -e '{broken}' ] && {{ echo "device is busy" >&2; exit 1; }};;
esac
for argument; do
    shift
    [ "$argument" = h264_v4l2m2m ] && argument=libx264
    set -- "$@" "$argument"
done
exec '{real}' "$@"
"""


async def test_hardware_when_it_fails_amid_a_print_then_libx264_makes_it_all(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def choose(ffmpeg: FFmpeg, *, width: int, height: int) -> Choice:
        assert (width, height) == SIZE
        return Choice(codec_named("h264_v4l2m2m"), ())

    monkeypatch.setattr(encoders, "choose_codec", choose)
    program, broken = host.path / "ffmpeg", host.path / "broken"
    program.write_text(HARDWARE.format(real=programs()[0], broken=broken))
    program.chmod(0o700)
    timelapse = await host.boot(encoder="auto", ffmpeg=program, hold_s=0.1)
    printer = Printer(timelapse)
    await printer.begin()
    for layer in range(1, 28):
        await printer.print_layers(layer, layer)
        await host.frames(layer)
    job = timelapse.active
    assert job is not None
    await until(lambda: job.contents().segments)
    assert job.record.codec == "h264_v4l2m2m"
    await asyncio.to_thread(broken.touch)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    assert job.record.codec == "libx264"
    assert (done["frames"], await host.frames_in(done["video"])) == (27, 30)
    video = host.videos_path / done["video"]
    known = await asyncio.to_thread(read_sidecar, video)
    assert known["encoding"]["encoder"] == "libx264"
    assert colours(await frame_of(host, done["video"])) == colours(
        Image.open(io.BytesIO(quarters()))
    )


async def test_encoder_when_auto_then_a_host_without_hardware_has_libx264(
    host: Host,
) -> None:
    done = await print_it(host, encoder="auto")
    video = host.videos_path / done["video"]
    known = await asyncio.to_thread(read_sidecar, video)
    assert known["encoding"]["encoder"] == "libx264"
    assert known["encoding"]["crf"] == host.config.crf


def plain(colour: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.mark.parametrize(
    ("place", "corner"),
    [("top_left", 0), ("top_right", 1), ("bottom_left", 2), ("bottom_right", 3)],
)
async def test_inset_when_there_is_a_second_camera_then_it_is_in_its_corner(
    host: Host, place: str, corner: int
) -> None:
    host.camera.picture = plain(RED, (320, 240))
    host.inset.picture = plain(BLUE, (64, 48))
    done = await print_it(
        host, inset="side", inset_place=place, inset_width=40.0, hold_s=0.1
    )
    for number in (0, 1, 4):
        image = await frame_of(host, done["video"], number)
        expected = ["red"] * 4
        expected[corner] = "blue"
        assert colours(image) == expected
    poster = Image.open(next(host.videos_path.glob("*.jpg")))
    assert colours(poster) == ["red"] * 4


@pytest.mark.parametrize(
    "pictures",
    [
        [None, "whole", None],
        ["whole", "torn", "empty"],
        ["large", "whole", "whole"],
    ],
    ids=["gone at first", "damaged", "of two sizes"],
)
async def test_inset_when_some_are_missing_then_others_stand_in(
    host: Host, pictures: list[str | None]
) -> None:
    kinds = {
        "whole": plain(BLUE, (64, 48)),
        "torn": plain(BLUE, (64, 48))[:200],
        "empty": b"",
        "large": plain(BLUE, (640, 480)),
    }
    host.camera.picture = plain(RED, (320, 240))
    timelapse = await host.boot(inset="side", inset_width=40.0)
    printer = Printer(timelapse)
    await printer.begin()
    for layer, kind in enumerate(pictures, 1):
        host.inset.gone = kind is None
        host.inset.picture = kinds.get(kind or "")
        await printer.print_layers(layer, layer)
        await host.frames(layer)
    job = timelapse.active
    assert job is not None
    await printer.tell("complete", "complete")
    done = await host.rendered()
    assert (done["frames"], done["gaps"]) == (3, 0)
    for number in range(3):
        image = await frame_of(host, done["video"], number)
        assert colours(image) == ["red", "blue", "red", "red"]
    assert [path.name for path in job.path.iterdir()] == ["job.json"]


async def test_inset_when_there_is_none_of_it_then_the_video_is_made_without(
    host: Host,
) -> None:
    host.camera.picture = plain(RED, (320, 240))
    host.inset.gone = True
    done = await print_it(host, inset="side")
    assert (done["frames"], done["gaps"]) == (2, 0)
    assert colours(await frame_of(host, done["video"])) == ["red"] * 4


async def test_inset_when_the_main_camera_is_turned_then_both_are_upright(
    host: Host,
) -> None:
    host.front = attrs.evolve(host.front, rotation=90)
    host.side = attrs.evolve(host.side, rotation=180)
    host.camera.picture = plain(RED, (320, 240))
    host.inset.picture = quarters()
    done = await print_it(host, inset="side", inset_width=60.0)
    image = await frame_of(host, done["video"])
    assert image.size == (240, 320)
    # 60 % of 240 is 144; its height of 96 and a border of 2 stand 3 from the edges.
    small = image.crop((240 - 148 - 3, 3, 240 - 3, 3 + 100))
    assert colours(small) == ["white", "blue", "green", "red"]


def test_inset_when_its_camera_does_not_exist_then_the_error_says_so() -> None:
    content = "[camera front]\nsource: tcp://h:1\n\n[timelapse]\ninset: frnot\n"
    with pytest.raises(ConfigErrors, match="did you mean 'front'"):
        configuration.loads(content)
