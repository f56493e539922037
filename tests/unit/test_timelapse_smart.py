# Tests of the better frame for each layer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What motion finds replaces a frame; without motion nothing is touched."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from moonraker_prusacam.camera import Frame
from moonraker_prusacam.config import TrackConfig
from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.motion import Machine, Sample
from moonraker_prusacam.print_job import PrintState
from moonraker_prusacam.timelapse import Job
from moonraker_prusacam.timelapse.recorder import Recorder, Trigger
from moonraker_prusacam.timelapse.selection import MAX_WAIT_NS, Target
from moonraker_prusacam.timelapse.smart import (
    MARGIN_NS,
    MAX_TIMED_FRAMES,
    SmartChoice,
)
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from moonraker_prusacam.motion import Motion

SECOND_NS = 1_000_000_000
WAIT_S = 10.0
PICTURE = jpeg.picture(64, 48)


class StubMotion:
    """The head goes to and fro between x = 0 and 100 in two seconds."""

    def __init__(self) -> None:
        self.quality = "trapq"
        self.lead_s = 0.0
        self.known_until_ns = 0
        self.machine = Machine("corexy", (0.0, 0.0, 0.0), (100.0, 100.0, 100.0))
        self.on_batch: list[Callable[[], None]] = []

    def sample_at(self, monotonic_ns: int) -> Sample:
        phase = monotonic_ns % (2 * SECOND_NS) / SECOND_NS
        return Sample((100.0 * min(phase, 2 - phase), 100.0, 0.2), 0.0)

    def tell(self, until_ns: int) -> None:
        self.known_until_ns = until_ns
        for callback in tuple(self.on_batch):
            callback()


class Scene:
    """A smart choice, what it is given and what it replaced."""

    def __init__(self) -> None:
        self.motion = StubMotion()
        self.callbacks: list[Callable[[Frame], None]] = []
        self.replaced: dict[int, Frame] = {}
        self.base_ns = time.monotonic_ns() // (2 * SECOND_NS) * 2 * SECOND_NS
        self.choice = SmartChoice(
            self,
            cast("Motion", self.motion),
            Target.BACK_LEFT,
            self.replaced.__setitem__,
        )

    def subscribe(self, callback: Callable[[Frame], None]) -> None:
        self.callbacks.append(callback)

    def unsubscribe(self, callback: Callable[[Frame], None]) -> None:
        if callback in self.callbacks:
            self.callbacks.remove(callback)

    def film(self, begin_s: float, end_s: float) -> None:
        for tenth in range(round(begin_s * 10), round(end_s * 10)):
            at_ns = self.at(tenth / 10)
            frame = Frame(
                PICTURE,
                seq=tenth + 1000,
                width=64,
                height=48,
                has_dht=True,
                first_ns=at_ns,
                last_ns=at_ns,
                wall_time=tenth / 10,
            )
            for callback in tuple(self.callbacks):
                callback(frame)

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        """A frame of that moment, for recorders."""
        assert timeout_s > 0
        at_s = (than_ns - self.base_ns) / SECOND_NS
        return Frame(
            PICTURE,
            seq=1,
            width=64,
            height=48,
            has_dht=True,
            first_ns=than_ns,
            last_ns=than_ns,
            wall_time=at_s,
        )

    def at(self, seconds: float) -> int:
        return self.base_ns + round(seconds * SECOND_NS)


@pytest.fixture
def scene() -> Any:
    return Scene()


def test_layer_when_motion_is_known_then_the_nearest_frame_replaces(
    scene: Scene,
) -> None:
    scene.choice.layer_began(1, scene.at(0.5))
    scene.film(0.0, 4.0)
    scene.choice.layer_began(2, scene.at(3.5))
    scene.motion.tell(scene.at(3.9))
    (number,) = scene.replaced
    assert number == 1
    assert scene.replaced[1].first_ns == scene.at(2.0)  # x = 0


def test_layer_when_gcode_runs_ahead_then_it_ends_later(scene: Scene) -> None:
    scene.motion.lead_s = 1.0
    scene.choice.layer_began(1, scene.at(0.5))
    scene.film(0.0, 6.0)
    scene.choice.layer_began(2, scene.at(3.5))
    scene.motion.tell(scene.at(4.4))
    assert scene.replaced == {}
    scene.motion.tell(scene.at(5.0))
    assert scene.replaced[1].first_ns in (scene.at(2.0), scene.at(4.0))


def test_layer_when_no_motion_is_known_then_nothing_is_replaced(scene: Scene) -> None:
    scene.motion.quality = "none"
    scene.choice.layer_began(1, scene.at(0.5))
    scene.film(0.0, 4.0)
    scene.choice.layer_began(2, scene.at(3.5))
    scene.choice.finish()
    assert scene.replaced == {}
    assert not scene.callbacks
    assert not scene.motion.on_batch


def test_layer_when_the_same_number_comes_again_then_it_goes_on(scene: Scene) -> None:
    scene.choice.layer_began(1, scene.at(0.5))
    scene.film(0.0, 2.5)
    scene.choice.layer_began(1, scene.at(2.5))
    scene.film(2.5, 4.0)
    scene.choice.layer_began(2, scene.at(3.5))
    scene.motion.tell(scene.at(3.9))
    assert scene.replaced[1].first_ns == scene.at(2.0)


def test_finish_when_the_last_layer_is_open_then_it_is_chosen_as_well(
    scene: Scene,
) -> None:
    scene.choice.layer_began(1, scene.at(-3.5))
    scene.film(-4.0, -0.5)
    scene.motion.tell(scene.at(-0.5))
    scene.choice.finish()
    assert scene.replaced[1].first_ns == scene.at(-2.0)
    scene.choice.close()


def test_head_parked_when_the_layer_has_a_frame_then_that_stays(scene: Scene) -> None:
    scene.choice.layer_began(1, scene.at(-7.5))
    scene.film(-8.0, -6.0)
    scene.choice.head_parked(1, scene.at(-6.0))
    assert scene.choice.settled_until(1) == 1
    scene.film(-6.0, -4.0)
    scene.motion.tell(scene.at(-4.0))
    scene.choice.layer_began(2, scene.at(-3.5))
    scene.film(-3.5, -0.5)
    scene.motion.tell(scene.at(-0.5))
    scene.choice.finish()
    # Not 1, and 2 not from before it began: of x = 0 at -6.0 and -4.0 nothing is left.
    assert [*scene.replaced] == [2]
    assert scene.replaced[2].first_ns == scene.at(-2.0)
    assert not scene.callbacks
    assert not scene.motion.on_batch


def test_head_parked_when_it_is_the_next_layer_then_the_one_before_is_chosen(
    scene: Scene,
) -> None:
    scene.choice.layer_began(1, scene.at(-7.5))
    scene.film(-7.5, -5.0)
    scene.choice.head_parked(2, scene.at(-5.0))
    scene.film(-5.0, -1.0)
    scene.motion.tell(scene.at(-1.0))
    assert [*scene.replaced] == [1]
    assert scene.replaced[1].first_ns == scene.at(-6.0)
    scene.choice.head_parked(3, scene.at(-1.0))
    assert scene.choice.settled_until(1) == 1
    scene.choice.finish()
    assert [*scene.replaced] == [1]


async def test_recorder_when_macros_park_after_a_layer_was_told_then_frames_stay(
    scene: Scene, tmp_path: Path
) -> None:
    job = await asyncio.to_thread(
        lambda: Job.create(tmp_path, camera="front", trigger="auto", style="smart")
    )

    is_on_disk = asyncio.Event()

    async def stored(job: Job, trigger: Trigger, is_stored: bool) -> None:
        assert is_stored
        is_on_disk.set()

    recorder = Recorder(
        job,
        TrackConfig(style="smart", frame_delay_s=0),
        scene,
        None,
        cast("Motion", scene.motion),
        DiskGuard(tmp_path),
        stored,
    )
    await recorder.start()
    # Klipper tells of a layer up to 250 ms before its macro calls.
    assert recorder.layer_changed(1, scene.at(-9.0))
    async with asyncio.timeout(WAIT_S):
        await is_on_disk.wait()
        for layer in range(1, 5):
            at_s = -9.0 + 2 * layer
            is_on_disk.clear()
            assert recorder.macro_called(layer, scene.at(at_s), is_parked=True)
            await is_on_disk.wait()
            scene.film(at_s, at_s + 2)
            scene.motion.tell(scene.at(at_s + 2))
            assert recorder.settled_until == layer - 1  # those before may be sealed
        await recorder.finish()
    assert (job.record.frames, job.record.chosen) == (4, 0)
    assert job.record.last_frame == pytest.approx(-1.0)


def test_settled_until_when_a_layer_is_chosen_or_too_old_then_it_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic_ns", lambda: scene.at(4))
    scene.choice.layer_began(1, scene.at(0.5))
    scene.film(0.5, 3.5)
    assert scene.choice.settled_until(1) < 1
    scene.choice.layer_began(2, scene.at(3.5))
    assert scene.choice.settled_until(1) < 1
    scene.motion.tell(scene.at(3.9))
    assert scene.choice.settled_until(1) == 1
    scene.choice.layer_began(3, scene.at(3.95))
    assert scene.choice.settled_until(2) < 2
    late_ns = scene.at(3.95) + MAX_WAIT_NS + MARGIN_NS + 1
    monkeypatch.setattr(time, "monotonic_ns", lambda: late_ns)
    assert scene.choice.settled_until(2) == 2
    assert scene.choice.settled_until(3) < 3


def test_frame_timed_when_a_layer_has_many_then_it_is_chosen_and_they_can_be_sealed(
    scene: Scene,
) -> None:
    scene.choice.layer_began(1, scene.at(-7.5))
    scene.film(-7.5, -4.5)
    scene.choice.frame_timed(MAX_TIMED_FRAMES, scene.at(-5.0))
    assert scene.choice.settled_until(MAX_TIMED_FRAMES) == 0
    scene.choice.frame_timed(MAX_TIMED_FRAMES + 1, scene.at(-4.5))
    scene.film(-4.5, -1.0)
    scene.motion.tell(scene.at(-1.0))
    assert scene.choice.settled_until(MAX_TIMED_FRAMES) == MAX_TIMED_FRAMES
    assert [*scene.replaced] == [1]
    assert scene.replaced[1].first_ns == scene.at(-6.0)
    scene.choice.close()


async def test_recorder_when_a_layer_has_many_frames_by_time_then_its_own_is_not_sealed(
    scene: Scene, tmp_path: Path
) -> None:
    job = await asyncio.to_thread(
        lambda: Job.create(tmp_path, camera="front", trigger="auto", style="smart")
    )
    are_many = asyncio.Event()

    async def stored(job: Job, trigger: Trigger, is_stored: bool) -> None:
        assert is_stored
        if trigger.number >= 50:
            are_many.set()

    recorder = Recorder(
        job,
        TrackConfig(style="smart", frame_delay_s=0),
        scene,
        None,
        cast("Motion", scene.motion),
        DiskGuard(tmp_path),
        stored,
    )
    await recorder.start()
    recorder.print_changed(PrintState("printing", "cube.gcode", 9.0, 1, 9))
    assert recorder.layer_changed(1, scene.at(-9.0))
    recorder.keep_interval(0.01)
    async with asyncio.timeout(WAIT_S):
        await are_many.wait()
    assert recorder.settled_until == 0  # or the better frame comes after its segment
    await recorder.aclose()
