# Tests of the choice of frames, on the motion of a real print.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that draws the head where recorded moves say that it was.

The chosen JPEGs are judged by their pixels: the head is looked for in the picture, and
nothing that the choice itself went by is believed.
"""

from __future__ import annotations

import io
import itertools
import math
import random
import statistics
from typing import TYPE_CHECKING

import attrs
import pytest
from PIL import Image, ImageDraw

from moonraker_prusacam.motion import Machine, trajectory
from moonraker_prusacam.motion.trajectory import Trajectory
from moonraker_prusacam.timelapse.selection import FrameSelection, Target
from tests.support import printing
from tests.support.motion_recording import read_recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moonraker_prusacam.timelapse.selection import Choice

WIDTH, HEIGHT, SCALE = 300, 300, 2.0  # pixels a mm
HEAD = 6
FPS = 15.0
STAMP_ERROR_S = 0.005
LAYER_HEIGHT_MM = 0.2
PIXEL_MM = 1 / SCALE
# So much farther from the target may a frame be in which the head is calmer, or nearer
# to where it was before.
CALM_MM = 12.0
MOST_JUMP_MM = 4.0
MACHINE = Machine("corexy", (0.0, 0.0, 0.0), (140.0, 140.0, 100.0))

Place = tuple[float, float]


@attrs.frozen
class Shot:
    """A frame as the camera sends it, and the time that it is believed to be of."""

    picture: bytes
    stamp_ns: int

    def __len__(self) -> int:
        return len(self.picture)


def draw(place: Place) -> bytes:
    """A JPEG with the head at a place of the bed."""
    image = Image.new("L", (WIDTH, HEIGHT))
    x, y = place[0] * SCALE, place[1] * SCALE
    ImageDraw.Draw(image).rectangle((x - HEAD, y - HEAD, x + HEAD, y + HEAD), fill=255)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def seen_at(picture: bytes) -> Place:
    """Where the head is in a picture, in mm."""
    with Image.open(io.BytesIO(picture)) as image:
        box = image.point(lambda value: 255 * (value > 128)).getbbox()
    assert box is not None
    left, top, right, bottom = box
    return (left + right - 1) / 2 / SCALE, (top + bottom - 1) / 2 / SCALE


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Trajectory:
    """All moves of the recording."""
    monkeypatch.setattr(trajectory, "KEEP_S", 1e6)
    monkeypatch.setattr(trajectory, "MAX_MOVES", 1 << 30)
    whole = Trajectory()
    for line in read_recording():
        whole.add(line.moves or [])
    return whole


def layer_ends() -> list[float]:
    """The print times at which the head rises to the next layer."""
    rows = [row for line in read_recording() for row in line.moves or []]
    ends = []
    height = LAYER_HEIGHT_MM
    for row in rows:
        if row[4][2] > height + LAYER_HEIGHT_MM / 4 and row[0] > rows[0][0] + 10:
            ends.append(row[0])
            height += LAYER_HEIGHT_MM
    return [*ends, rows[-1][0]]


def filmed(truth: Trajectory, begin: float, end: float) -> Iterator[Shot]:
    choice = random.Random(3)
    for n in range(math.ceil(begin * FPS), math.floor(end * FPS)):
        sample = truth.at(n / FPS)
        if sample is not None:
            error_s = choice.uniform(-STAMP_ERROR_S, STAMP_ERROR_S)
            place = (sample.position[0], sample.position[1])
            yield Shot(draw(place), int((n / FPS + error_s) * 1e9))


def jumps_mm(places: list[Place]) -> list[float]:
    return [math.dist(one, two) for one, two in itertools.pairwise(places)]


def test_seen_at_then_it_is_where_the_head_was_drawn() -> None:
    for place in ((20.0, 130.0), (70.3, 66.6), (138.8, 5.0)):
        assert math.dist(seen_at(draw(place)), place) <= PIXEL_MM


@pytest.mark.parametrize("target", [Target.BACK_LEFT, Target.FRONT_RIGHT])
def test_choice_when_a_real_print_is_filmed_then_its_pixels_hardly_jump(
    truth: Trajectory, target: Target
) -> None:
    ends, choice = layer_ends(), random.Random(5)
    assert len(ends) == 11
    motion = printing.Printer()
    motion.machine = MACHINE
    aim = target.point(MACHINE)
    assert aim is not None
    chooser: FrameSelection[Shot] = FrameSelection(target)
    chosen: list[Choice[Shot]] = []
    batches = [line.moves for line in read_recording() if line.moves]
    best: list[float] = []
    picked: list[Place] = []
    begin = 303.0  # where the first layer has begun
    for number, end in enumerate(ends):
        places = []
        for shot in filmed(truth, begin, end):
            places.append(seen_at(shot.picture))
            chooser.offer_frame(shot, shot.stamp_ns)
            # Klipper tells of moves when they are over.
            while batches and batches[0][-1][0] < shot.stamp_ns / 1e9:
                motion.trajectory.add(batches.pop(0))
                chooser.motion_arrived(motion)
        best.append(min(math.dist(place, aim) for place in places))
        picked.append(choice.choice(places))
        chooser.close_layer(number, int(end * 1e9))
        chosen += chooser.chosen(int(end * 1e9))
        begin = end
    for batch in batches:
        motion.trajectory.add(batch)
    chooser.motion_arrived(motion)
    chosen += chooser.chosen(int((ends[-1] + 1.0) * 1e9))
    assert [found.layer for found in chosen] == list(range(len(ends)))
    assert {found.how for found in chosen} == {"smart"}
    seen = [seen_at(found.candidate.frame.picture) for found in chosen]
    # As near as any frame of its layer came, but for what calmness is worth.
    for place, least_mm in zip(seen, best, strict=True):
        assert math.dist(place, aim) <= least_mm + CALM_MM
    by_chance = statistics.median(jumps_mm(picked))
    ours = statistics.median(jumps_mm(seen))
    print(f"{target}: jumps by {ours:.2f} mm, chosen at random by {by_chance:.0f} mm")
    assert ours <= MOST_JUMP_MM
    assert ours < by_chance / 10
