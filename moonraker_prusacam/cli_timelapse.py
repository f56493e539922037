# The command line for timelapses.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam timelapse``: the finished videos, and the prints that wait for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .cli_asked import asking_for, columns, date

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cli_asked import Asked

# A long video on a slow card is read and written once.
RETIME_TIMEOUT_S = 600.0
MB = 1e6
OTHER_LIMITS = ("keep_videos", "keep_mb", "keep_free_mb")

asking = asking_for("timelapse")


def timing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options for the speed and the end of a video."""
    for option in (
        click.option("--hold", type=float, help="Seconds for which its end stays."),
        click.option("--target-length", type=float, help="Seconds it should last."),
        click.option("--fps", type=float, help="Frames a second."),
    ):
        command = option(command)
    return command


copy_option = click.option(
    "--copy", is_flag=True, help="Leave the video as it is, and make another one."
)


@click.group()
def timelapse() -> None:
    """Look after finished videos, and prints that wait for theirs."""


@timelapse.command("list")
@asking
def list_all(asked: Asked) -> None:
    """List the videos, and the jobs that have none yet."""
    answer = asked.ask("videos") | asked.ask("queue")
    videos = sorted(answer["videos"], key=lambda video: float(video["made"]))
    jobs = [_job_row(job) for job in answer["jobs"]]
    lines = columns([_video_row(video) for video in videos])
    if jobs:
        lines += ["", "Without a video yet:"] if lines else ["Without a video yet:"]
        lines += columns(jobs)
    asked.show(answer, *(lines or ["There are no timelapses yet."]))


@timelapse.command()
@click.argument("job", required=False)
@asking
def render(asked: Asked, job: str | None) -> None:
    """Render a job that waits.

    JOB is its id, as 'list' shows it. Without one: the print that is being recorded,
    which ends its recording, else the newest job that waits.
    """
    answer = asked.ask("render", job=job)
    made = answer["job"]
    here = "The Prusa camera" if made is None else f"Job {made['id']}"
    verb = "makes its video" if made is None else "is being rendered"
    asked.show(answer, f"{here} {verb}.")


@timelapse.command()
@click.argument("job")
@asking
def discard(asked: Asked, job: str) -> None:
    """Give up a job that waits, and its frames.

    JOB is its id, as 'list' shows it.
    """
    answer = asked.ask("discard", job=job)
    frames = answer["job"]["frames"]
    asked.show(answer, f"Job {job} is gone, with {frames} frames.")


@timelapse.command()
@click.argument("video")
@asking
def pin(asked: Asked, video: str) -> None:
    """Keep a video, whatever the limits say.

    VIDEO is its name, as 'list' shows it.
    """
    answer = asked.ask("pin", video=video, pinned=True)
    asked.show(answer, f"{video} is pinned: it is never removed by itself.")


@timelapse.command()
@click.argument("video")
@asking
def unpin(asked: Asked, video: str) -> None:
    """Let the limits hold for a video again.

    VIDEO is its name, as 'list' shows it.
    """
    answer = asked.ask("pin", video=video, pinned=False)
    asked.show(answer, f"{video} is no longer pinned.")


@timelapse.command()
@click.argument("video")
@asking
def remove(asked: Asked, video: str) -> None:
    """Remove a video, with its preview and its frames.

    VIDEO is its name, as 'list' shows it.
    """
    answer = asked.ask("remove", video=video)
    asked.show(answer, f"{video} is removed: {_mb(answer['video']['size_bytes'])}.")


@timelapse.command()
@click.argument("video")
@timing_options
@copy_option
@asking
def retime(
    asked: Asked,
    video: str,
    fps: float | None,
    target_length: float | None,
    hold: float | None,
    copy: bool,
) -> None:
    """Give a finished video another speed or end.

    VIDEO is its name, as 'list' shows it. The pictures are not encoded again, so this
    takes a moment only.
    """
    answer = asked.ask(
        "retime",
        timeout_s=RETIME_TIMEOUT_S,
        video=video,
        fps=fps,
        target_length=target_length,
        hold=hold,
        copy=copy,
    )
    made = answer["video"]
    asked.show(
        answer,
        f"{made['video']}: {made['duration_s']:.1f} s at {made['fps']:.4g} "
        "frames a second.",
    )


@timelapse.command()
@click.argument("video")
@timing_options
@click.option("--crf", type=float, help="Quality; lower is better and larger.")
@click.option(
    "--rotation",
    type=click.Choice(["0", "90", "180", "270"]),
    help="Degrees clockwise, instead of the camera's.",
)
@click.option("--flip-horizontal/--no-flip-horizontal", default=None, help="Mirror it.")
@click.option(
    "--flip-vertical/--no-flip-vertical", default=None, help="Turn it upside down."
)
@copy_option
@asking
def rerender(asked: Asked, video: str, rotation: str | None, **given: Any) -> None:
    """Render a finished video again, from its saved frames.

    VIDEO is its name, as 'list' shows it. As the configuration says now, but for the
    options given. The frames are there if the print was recorded with
    'save_frames: True'.
    """
    answer = asked.ask(
        "rerender",
        video=video,
        rotation=None if rotation is None else int(rotation),
        **given,
    )
    asked.show(answer, f"Job {answer['job']['id']} renders {video} again.")


@timelapse.command()
@click.option("--dry-run", is_flag=True, help="Tell what would go, and remove nothing.")
@asking
def expire(asked: Asked, dry_run: bool) -> None:
    """Remove the videos that the limits do not keep.

    The engine does so by itself after each render, and every hour.
    """
    answer = asked.ask("retention", dry_run=dry_run)
    verb = "would be removed" if dry_run else "is removed"
    lines = [
        f"{gone['video']} {verb} ({_mb(gone['size_bytes'])}): {gone['reason']}"
        for gone in answer["removed"]
    ]
    pinned = f", {answer['pinned']} of them pinned" if answer["pinned"] else ""
    kept = answer["kept"]
    are = "video stays" if kept == 1 else "videos stay"
    lines.append(f"{kept} {are}{pinned}.")
    limits = answer["limits"]
    by_age = limits["keep_days"] or not isinstance(limits["keep_failed"], str)
    if not by_age and not any(limits[name] for name in OTHER_LIMITS):
        lines.append("There are no limits; they are the options 'keep_…'.")
    elif by_age and not answer["date_is_trusted"]:
        lines.append(
            "By age, only videos since the last boot are judged: the clock follows no "
            "time server, or has just leapt."
        )
    asked.show(answer, *lines)


def _video_row(video: dict[str, Any]) -> list[str]:
    duration_s = video["duration_s"]
    is_complete = video["outcome"] in (None, "complete")
    notes = [
        note
        for note, is_true in (
            (video["outcome"], not is_complete),
            ("pinned", video["pinned"]),
            ("frames saved", video["has_frames"]),
        )
        if is_true
    ]
    return [
        video["video"],
        date(video["made"]),
        "-" if duration_s is None else f"{duration_s:.1f} s",
        _mb(video["size_bytes"]),
        ", ".join(notes),
    ]


def _job_row(job: dict[str, Any]) -> list[str]:
    return [
        job["id"],
        job["filename"] or "-",
        job["outcome"] or "-",
        f"{job['frames']} frames",
        _mb(job["size_bytes"]),
        f"{job['state']}: {job['error']}" if job["error"] else job["state"],
    ]


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / MB:.1f} MB"
