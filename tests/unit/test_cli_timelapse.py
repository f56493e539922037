# Tests of the command line for timelapses.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam timelapse`` as a user runs it: exit status, and what is said."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import configure, prusacam, running, said
from tests.support.library import keep, names, of
from tests.support.timelapse import Host, Printer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS = (
    ("list",),
    ("render",),
    ("discard", "JOB"),
    ("pin", "a.mp4"),
    ("unpin", "a.mp4"),
    ("remove", "a.mp4"),
    ("retime", "a.mp4", "--fps", "5"),
    ("rerender", "a.mp4"),
    ("expire",),
)
MANY_TIMES = 100
UNKNOWN_JOB = "20260101-000000-aaaaaaaa"


async def record(host: Host) -> None:
    """A finished print with saved frames, and a cancelled one that waits."""
    try:
        timelapse = await host.boot(save_frames=True, render_on_cancel="keep")
        printer = Printer(timelapse)
        await printer.begin()
        await printer.print_layers(1, 3)
        await host.frames(3)
        await printer.tell("complete", "complete")
        await host.rendered()
        await printer.begin()
        await printer.print_layers(1, 3)
        await host.frames(6)
        await printer.tell("cancelled", "cancelled")
        await host.events.until(lambda: host.events.of("unrendered"))
    finally:
        await host.aclose()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of an engine with a video, and a job that waits."""
    folder = tmp_path_factory.mktemp("live")
    host = Host(folder)
    host.jobs_path = folder / "prusacam" / "jobs"
    asyncio.run(record(host))
    limits = "[timelapse]\nkeep_videos: 3\nkeep_days: 30\nkeep_failed: always\n"
    file = configure(folder, more=limits)
    with running(folder, file):
        yield file


def told(live: Path, *arguments: str) -> str:
    """What stands on standard output when all goes well."""
    done = prusacam(live.parent, "timelapse", *arguments, "-c", live)
    assert (done.returncode, said(done)) == (0, "")
    return done.stdout.decode()


def refused(live: Path, status: int, *arguments: str) -> str:
    """The one line of an error."""
    done = prusacam(live.parent, "timelapse", *arguments, "-c", live)
    assert (done.returncode, done.stdout) == (status, b"")
    line = said(done)
    assert line.startswith("prusacam: ")
    assert line.count("\n") == 1
    return line


def listed(live: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(told(live, "list", "--json"))
    return answer


def until_rendered(live: Path) -> None:
    for _ in range(MANY_TIMES):
        if all(job["state"] == "unrendered" for job in listed(live)["jobs"]):
            return
    raise AssertionError("it is still being rendered")


def test_list_then_videos_and_jobs_with_names_that_can_be_copied(live: Path) -> None:
    answer = listed(live)
    text = told(live, "list")
    (video,), (job,) = answer["videos"], answer["jobs"]
    assert text.startswith(f"{video['video']}  ")
    assert "  frames saved\n" in text
    assert "\nWithout a video yet:\n" in text
    assert f"\n{job['id']}  cube.gcode  cancelled  3 frames" in text
    assert text.endswith("unrendered\n")


def test_pin_when_set_and_unset_then_the_list_shows_it(live: Path) -> None:
    name = listed(live)["videos"][0]["video"]
    assert "is pinned" in told(live, "pin", name)
    assert ", frames saved" in told(live, "list").replace("pinned, ", ", ")
    assert "unpin it first" in refused(live, 1, "remove", name)
    assert json.loads(told(live, "unpin", name, "--json"))["video"]["pinned"] is False


def test_retime_and_rerender_then_the_video_is_as_asked(live: Path) -> None:
    name = listed(live)["videos"][0]["video"]
    assert told(live, "retime", name, "--fps", "6") == (
        f"{name}: 0.5 s at 6 frames a second.\n"
    )
    copied = told(live, "retime", name, "--target-length", "0.2", "--copy")
    copy = copied.partition(":")[0]
    assert copy == name.replace(".mp4", "_retimed.mp4")
    assert "the frames of" in refused(live, 1, "rerender", copy)
    assert told(live, "remove", copy).startswith(f"{copy} is removed: ")
    again = told(live, "rerender", name, "--rotation", "90", "--no-flip-vertical")
    assert again.endswith(f" renders {name} again.\n")
    until_rendered(live)


def test_render_and_discard_when_jobs_wait_or_do_not_then_told_so(live: Path) -> None:
    (job,) = [job for job in listed(live)["jobs"] if job["state"] == "unrendered"]
    assert f"no job {UNKNOWN_JOB}" in refused(live, 1, "render", UNKNOWN_JOB)
    assert "is not the id" in refused(live, 2, "render", "last")
    assert "with 3 frames" in told(live, "discard", job["id"])
    assert f"no job {job['id']}" in refused(live, 1, "discard", job["id"])


def test_expire_when_dry_then_nothing_goes_and_else_it_does(live: Path) -> None:
    folder = live.parent / "timelapse"
    stems = {"a": "complete", "b": "complete", "c": "complete", "failed": "error"}
    for days, (stem, outcome) in enumerate(stems.items(), 10_000):
        keep(folder, stem, -days if stem == "failed" else days, outcome=outcome)
    before = names(folder)
    text = told(live, "expire", "--dry-run")
    assert text.startswith("c.mp4 would be removed (1.0 MB): ")
    assert "video stays" in text or "videos stay" in text
    assert names(folder) == before
    assert told(live, "expire").startswith("c.mp4 is removed (1.0 MB): ")
    assert not of("c") & set(names(folder))
    assert of("failed") <= set(names(folder))
    for stem in stems:
        for name in of(stem) & set(names(folder)):
            (folder / name).unlink()


@pytest.mark.parametrize(
    ("status", "arguments", "line"),
    [
        (1, ("pin", "no.mp4"), "there is no video no.mp4"),
        (2, ("pin", "../no.mp4"), "'../no.mp4' is not the name of a video"),
        (2, ("remove", ".no.json"), "'.no.json' is not the name of a video"),
        (1, ("retime", "no.mp4", "--fps", "5"), "there is no video no.mp4"),
        (2, ("retime", "no.mp4"), "give the fps, the target length or the hold"),
        (2, ("retime", "no.mp4", "--fps", "999"), "'fps' is not a number from 1 to"),
        (2, ("rerender", "no.mp4", "--crf", "99"), "'crf' is not a number from 0 to"),
        (1, ("rerender", "no.mp4"), "there is no video no.mp4"),
    ],
)
def test_command_when_it_cannot_be_done_then_one_line_with_the_reason(
    live: Path, status: int, arguments: tuple[str, ...], line: str
) -> None:
    assert line in refused(live, status, *arguments)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_command_when_there_is_no_engine_then_3(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = configure(tmp_path)
    assert "no engine answers at" in refused(file, 3, *command)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_help_then_every_command_tells_what_it_does(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = prusacam(tmp_path, "timelapse", command[0], "--help")
    text = done.stdout.decode()
    assert (done.returncode, said(done)) == (0, "")
    assert max(map(len, text.splitlines())) <= 80
    summaries = prusacam(tmp_path, "timelapse", "--help").stdout.decode()
    assert f"\n  {command[0]} " in summaries
    assert "..." not in summaries.split("Commands:")[1]


def test_list_when_there_is_nothing_then_said_so(tmp_path: Path) -> None:
    file = configure(tmp_path, more="[timelapse]\n")
    with running(tmp_path, file):
        assert told(file, "list") == "There are no timelapses yet.\n"
        assert told(file, "expire") == (
            "0 videos stay.\nThere are no limits; they are the options 'keep_…'.\n"
        )
        assert "there is nothing to render" in refused(file, 1, "render")


def test_command_when_there_is_no_section_then_told_so(tmp_path: Path) -> None:
    file = configure(tmp_path)
    with running(tmp_path, file):
        assert "there is no [timelapse] section" in refused(file, 1, "list")
