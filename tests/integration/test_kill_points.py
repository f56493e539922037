# Tests that kill the engine at every step of what it does to the disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL before and after each call that changes a file, in a process of its own.

A print that nobody kills tells the steps. Then, for each of them, the same print is
begun anew, its engine killed exactly there, and another engine finishes what is left.
However that went, there is one video of every layer, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.support.scripted_print import Run, Script, Stage, layers_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STAGES = 2
# Else one of each kind of step in the first script, and a few in the others.
IS_THOROUGH = bool(os.environ.get("PRUSACAM_ENDURANCE"))
PAIRS = 300 if IS_THOROUGH else 12
OLD = "old_20200101_000000"
OLD_TIME_S = 1.6e9

SCRIPTS = {
    "held, turned, old ones go": Script(
        rotation=90, options={"hold_s": 0.1, "keep_videos": 1}
    ),
    "frames saved": Script(layers=3, options={"save_frames": True}),
    "another file system": Script(layers=3, apart=True, options={"save_frames": True}),
    "camera gone": Script(gone=(3, 4)),
    "two prints": Script(layers=3, prints=2),
}


@attrs.frozen
class Case:
    """One print whose engine is killed at ``end``, and the next one at ``again``."""

    end: str | None
    again: str | None = None

    def __str__(self) -> str:
        return f"killed {self.end}" + (f", {self.again}" if self.again else "")


FEW = 18


def sampled(points: Sequence[str], script: Script) -> list[str]:
    """Those of ``points`` that are tried."""
    if IS_THOROUGH:
        return list(points)
    choice = random.Random(len(points))
    if script is not next(iter(SCRIPTS.values())):
        return choice.sample(points, FEW)
    kinds: dict[str, list[str]] = {}
    for point in points:
        kind = "".join("0" if sign.isdigit() else sign for sign in point)
        kinds.setdefault(kind, []).append(point)
    return [choice.choice(kind) for kind in kinds.values()]


def prepare(root: Path, script: Script) -> None:
    """A host on which a video of last year lies."""
    (root / "tmp").mkdir(parents=True)
    if script.options.get("keep_videos"):
        folder = root / "timelapse"
        folder.mkdir()
        for name in (f"{OLD}.mp4", f"{OLD}.jpg", f".{OLD}.json", f"{OLD}.zip"):
            (folder / name).write_bytes(b'{"schema": 1, "job": {}}')
            os.utime(folder / name, (OLD_TIME_S, OLD_TIME_S))


class Ledger:
    """What all processes of one print told, and whether the disk agrees."""

    def __init__(self, root: Path, script: Script) -> None:
        self.root = root
        self.script = script
        self.runs: list[Run] = []

    def faults(self) -> list[str]:
        """What is not as it must be, in words."""
        return [fault for fault in self._faults() if fault]

    def _faults(self) -> Iterable[str]:
        videos = self.root / "timelapse"
        names = sorted(path.name for path in videos.iterdir())
        made = [name for name in names if name.endswith(".mp4") and "old" not in name]
        if len(made) != self.script.prints:
            yield f"videos: {made}"
        for name in made:
            if "interrupted" in name and not self._is_killed_at_its_end():
                yield f"{name} is of a print that is complete"
            yield self._picture_fault(layers_shown(videos / name), name)
        yield self._lost()
        stems = {Path(name).stem for name in names if name.endswith(".mp4")}
        for name in names:
            if name.startswith(".") and not name.endswith(".json"):
                yield f"left over: timelapse/{name}"
            elif Path(name.removeprefix(".")).stem not in stems:
                yield f"orphan: timelapse/{name}"
        for stem in {Path(name).stem for name in made}:
            wanted = {f"{stem}.mp4", f"{stem}.jpg", f".{stem}.json"}
            if self.script.options.get("save_frames"):
                wanted.add(f"{stem}.zip")
            if missing := wanted - set(names):
                yield f"missing: {sorted(missing)}"
            elif f"{stem}.zip" in wanted:
                yield self._archive_fault(videos / f"{stem}.zip")
        yield from self._job_faults()
        yield from self._leftovers()

    def _picture_fault(self, shown: list[int], name: str) -> str:
        wanted = self.script.shown
        if self.script.gone:
            # A frame that is not there is shown as a neighbour, whichever.
            right = shown == sorted(shown) and len(shown) == len(wanted)
            return "" if right and set(shown) == set(wanted) else f"{name}: {shown}"
        return "" if shown == wanted else f"{name} shows {shown}"

    def _is_killed_at_its_end(self) -> bool:
        """Whether the end of a print was told to an engine that could not note it."""
        steps = self.script.steps
        return any(
            run.is_killed and steps[run.position][1] == "complete" for run in self.runs
        )

    def _lost(self) -> str:
        told = [frame for run in self.runs for frame in run.stored]
        twice = {frame for frame in told if told.count(frame) > 1}
        rendered = sum(run.rendered for run in self.runs)
        if twice or rendered > self.script.prints:
            return f"stored twice: {twice}, rendered {rendered} times"
        return ""

    def _archive_fault(self, archive: Path) -> str:
        with zipfile.ZipFile(archive) as stored:
            names = stored.namelist()
        return "" if len(names) == self.script.layers else f"the archive holds {names}"

    def _job_faults(self) -> Iterable[str]:
        folders = list((self.root / "prusacam" / "jobs").iterdir())
        if len(folders) != self.script.prints:
            yield f"jobs: {[folder.name for folder in folders]}"
        for folder in folders:
            if (files := [path.name for path in folder.iterdir()]) != ["job.json"]:
                yield f"left over in the job: {files}"
                continue
            record = json.loads((folder / "job.json").read_bytes())
            counted = record["state"], record["frames"], record["gaps"]
            if counted != ("done", self.script.layers, len(self.script.gone)):
                yield f"the record tells of {counted}: {record['error']}"

    def _leftovers(self) -> Iterable[str]:
        state = self.root / "prusacam"
        known = {"jobs", "lastframe", "work"}
        for path in state.iterdir():
            if path.name not in known:
                yield f"left over: {path.name}"
        shown = [path.name for path in (state / "lastframe").iterdir()]
        if len(shown) != 1 or not shown[0].startswith("frame"):
            yield f"shown to the panels: {shown}"
        for folder in (self.root / "tmp", state / "work"):
            if folder.exists() and (left := list(folder.iterdir())):
                yield f"left over: {left}"


async def play(stage: Stage, root: Path, script: Script, case: Case) -> Ledger:
    """Print under ``case``, until an engine has come to the end of the script."""
    await asyncio.to_thread(prepare, root, script)
    ledger = Ledger(root, script)
    began_ns = time.monotonic_ns()
    position = 0
    for end in (case.end, case.again, None):
        run = await stage.run(
            root, script, end=end, position=position, began_ns=began_ns
        )
        ledger.runs.append(run)
        position = run.position
        if not run.is_killed:
            assert run.status == 0, f"{case}: status {run.status}: {run.said}"
            break
    return ledger


async def faults_of(
    folder: Path, script: Script, cases: Sequence[Case]
) -> tuple[list[str], int]:
    """Play all ``cases``, two at a time; what went wrong, and how many were killed."""
    waiting = list(enumerate(cases))
    found: list[str] = []
    killed = 0

    async def work(stage: Stage) -> None:
        nonlocal killed
        while waiting:
            number, case = waiting.pop()
            root = folder / str(number)
            ledger = await play(stage, root, script, case)
            killed += sum(run.is_killed for run in ledger.runs)
            faults = await asyncio.to_thread(ledger.faults)
            found.extend(f"{case}: {fault}" for fault in faults)
            await asyncio.to_thread(shutil.rmtree, root)

    async def begin(number: int) -> None:
        async with Stage(folder / f"stage-{number}.log") as stage:
            await work(stage)

    async with asyncio.TaskGroup() as group:
        for number in range(STAGES):
            group.create_task(begin(number))
    return found, killed


async def points_of(folder: Path, script: Script, case: Case) -> tuple[str, ...]:
    """The steps of the last engine that prints under ``case``."""
    async with Stage(folder / "dry.log") as stage:
        ledger = await play(stage, folder / "dry", script, case)
    faults = await asyncio.to_thread(ledger.faults)
    assert not faults, faults
    await asyncio.to_thread(shutil.rmtree, folder / "dry")
    return ledger.runs[-1].passed


@pytest.mark.timeout(1800 if IS_THOROUGH else 240)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_engine_when_killed_at_any_step_then_one_video_of_every_layer(
    script: Script, tmp_path: Path
) -> None:
    points = await points_of(tmp_path, script, Case(None))
    chosen = sampled(points, script)
    faults, killed = await faults_of(
        tmp_path, script, [Case(point) for point in chosen]
    )
    print(f"{len(points)} steps, {len(chosen)} of them tried, {killed} kills")
    assert not faults, "\n".join(faults)
    # Two threads may come to their steps in another order than before.
    assert killed >= 0.9 * len(chosen)


@pytest.mark.timeout(1800 if IS_THOROUGH else 240)
async def test_engine_when_killed_while_it_recovers_then_one_video_of_every_layer(
    tmp_path: Path,
) -> None:
    script = SCRIPTS["held, turned, old ones go"]
    choice = random.Random(4)
    firsts = await points_of(tmp_path, script, Case(None))
    cases = []
    for first in choice.sample(firsts, PAIRS // 3):
        seconds = await points_of(tmp_path, script, Case(first))
        cases += [Case(first, second) for second in choice.sample(seconds, 3)]
    faults, killed = await faults_of(tmp_path, script, cases)
    print(f"{len(cases)} pairs of steps, {killed} kills")
    assert not faults, "\n".join(faults)
