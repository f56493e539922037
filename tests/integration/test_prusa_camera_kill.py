# Tests that kill the engine at every step of a Prusa camera's timelapse.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL before and after each call that changes a file, in a process of its own.

Whichever step it was, another engine finishes the job: there is one video, whole, with
its preview and its sidecar, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.sidecar import is_ours
from tests.support.prusa_camera import VIDEO
from tests.support.prusa_kill import JPEG, Run, Stage, camera_file
from tests.support.video_server import VideoServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# Else one of each kind of step.
IS_THOROUGH = bool(os.environ.get("PRUSACAM_ENDURANCE"))
STAGES = 2
PAIRS = 100 if IS_THOROUGH else 8


def sampled(points: Sequence[str]) -> list[str]:
    if IS_THOROUGH:
        return list(points)
    choice = random.Random(len(points))
    kinds: dict[str, list[str]] = {}
    for point in points:
        kinds.setdefault(point.rpartition(" #")[0], []).append(point)
    return [choice.choice(kind) for kind in kinds.values()]


def faults_of(root: Path, runs: Sequence[Run]) -> list[str]:
    """What is not as it must be, in words."""
    return list(_faults_of(root, runs))


def _faults_of(root: Path, runs: Sequence[Run]) -> Iterable[str]:
    if runs[-1].status != 0:
        yield f"the last engine ended with {runs[-1].status}: {runs[-1].said}"
        return
    (folder,) = (root / "jobs").iterdir()
    if (left := sorted(path.name for path in folder.iterdir())) != ["job.json"]:
        yield f"left over in the job: {left}"
    record = json.loads((folder / "job.json").read_bytes())
    if (record["phase"], record["outcome"]) != ("done", "complete"):
        yield f"the record tells of {record['phase']}, {record['outcome']}"
    videos = root / "timelapse"
    stem = str(record["video"]).removesuffix(".mp4")
    names = sorted(path.name for path in videos.iterdir())
    if names != [f".{stem}.json", f"{stem}.jpg", f"{stem}.mp4"]:
        yield f"in the folder of videos: {names}"
        return
    if (videos / f"{stem}.mp4").read_bytes() != VIDEO:
        yield "the video is not what was sent"
    if (videos / f"{stem}.jpg").read_bytes() != JPEG:
        yield "the preview is not what was made"
    if not is_ours(json.loads((videos / f".{stem}.json").read_bytes())):
        yield "the sidecar is not ours"
    told = json.loads(camera_file(root).read_bytes())["told"]
    asked = [value for name, value in told if name == "video"]
    if len(asked) != 1:
        yield f"the camera was asked for {len(asked)} videos"
    if {value for name, value in told if name == "name"} != {record["job_name"]}:
        yield f"the camera was told several names: {told}"


async def play_all(
    folder: Path, server: str, cases: Sequence[tuple[str, ...]]
) -> tuple[list[str], int]:
    """Play all ``cases``, two at a time; what went wrong, and how many were killed."""
    waiting = list(enumerate(cases))
    found: list[str] = []
    killed = 0

    async def work(number: int) -> None:
        nonlocal killed
        async with Stage(folder / f"stage-{number}.log", server) as stage:
            while waiting:
                case, ends = waiting.pop()
                root = folder / str(case)
                runs = await stage.play(root, *ends)
                killed += sum(run.is_killed for run in runs)
                faults = await asyncio.to_thread(faults_of, root, runs)
                found.extend(f"killed {ends}: {fault}" for fault in faults)
                await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)

    async with asyncio.TaskGroup() as group:
        for number in range(STAGES):
            group.create_task(work(number))
    return found, killed


async def steps_of(folder: Path, server: str, *ends: str) -> tuple[str, ...]:
    """The steps of the last engine, when those before are killed at ``ends``."""
    root = folder / "dry"
    async with Stage(folder / "dry.log", server) as stage:
        runs = await stage.play(root, *ends)
    assert not faults_of(root, runs)
    await asyncio.to_thread(shutil.rmtree, root)
    camera_file(root).unlink()
    return runs[-1].passed


@pytest.mark.timeout(900 if IS_THOROUGH else 240)
async def test_engine_when_killed_at_any_step_then_one_whole_video(
    tmp_path: Path,
) -> None:
    async with VideoServer(VIDEO).run() as server:
        points = await steps_of(tmp_path, server.url)
        chosen = [(point,) for point in sampled(points)]
        faults, killed = await play_all(tmp_path, server.url, chosen)
    print(f"{len(points)} steps, {len(chosen)} of them tried, {killed} kills")
    assert not faults, "\n".join(faults)
    assert killed >= 0.9 * len(chosen)


@pytest.mark.timeout(900 if IS_THOROUGH else 240)
async def test_engine_when_killed_while_it_recovers_then_one_whole_video(
    tmp_path: Path,
) -> None:
    choice = random.Random(4)
    async with VideoServer(VIDEO).run() as server:
        firsts = await steps_of(tmp_path, server.url)
        cases = []
        for first in choice.sample(firsts, PAIRS // 2):
            seconds = await steps_of(tmp_path, server.url, first)
            cases += [
                (first, second)
                for second in choice.sample(seconds, min(2, len(seconds)))
            ]
        faults, killed = await play_all(tmp_path, server.url, cases)
    print(f"{len(cases)} pairs of steps, {killed} kills")
    assert not faults, "\n".join(faults)
