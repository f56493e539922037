# The command line for Prusa's own cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam prusa-camera``: look at such a camera, control it, and get its videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .cli_asked import asking_for, columns, date

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cli_asked import Asked

CAMERA_TIMEOUT_S = 60.0  # a camera answers slowly, if at all
MB = 1e6

asking = asking_for("prusa_camera")
camera_option = click.option(
    "--camera", help="Which camera; the first [prusa_camera NAME] if not given."
)
ON_OFF = click.Choice(["on", "off"])
SWITCHES = {
    "light": "Its light.",
    "snapshots": "Regular pictures to Prusa Connect.",
    "timelapse": "The recording of frames.",
    "rtsp-server": "Its RTSP server.",
}
NUMBERS = {
    "exposure": "Exposure.",
    "snapshot-interval": "Seconds between pictures.",
    "timelapse-interval": "Seconds between frames.",
    "timelapse-fps": "Frames a second of its videos.",
    "volume": "Loudness.",
    "contrast": "Contrast.",
    "brightness": "Brightness.",
    "saturation": "Saturation.",
}


@click.group("prusa-camera")
def prusa_camera() -> None:
    """Prusa's own cameras, by way of Prusa Connect."""


@prusa_camera.command()
@camera_option
@asking
def status(asked: Asked, camera: str | None) -> None:
    """Ask the cameras how they are, and show their timelapses."""
    answer = asked.ask("status", timeout_s=CAMERA_TIMEOUT_S, camera=camera, ask=True)
    lines = [line for told in answer["cameras"] for line in _camera_lines(told)]
    asked.show(answer, *(lines or ["There is no [prusa_camera NAME] section."]))


@prusa_camera.command()
@camera_option
@asking
def snapshot(asked: Asked, camera: str | None) -> None:
    """Have the camera send a picture to Prusa Connect."""
    answer = asked.ask("snapshot", timeout_s=CAMERA_TIMEOUT_S, camera=camera)
    name = answer["camera"]
    asked.show(answer, f"Camera '{name}' was asked to send a picture to Prusa Connect.")


@prusa_camera.command()
@click.argument(
    "direction",
    metavar="DIRECTION",
    type=click.Choice(["left", "right", "up", "down"]),
)
@click.argument("angle", type=int)
@camera_option
@asking
def move(asked: Asked, direction: str, angle: int, camera: str | None) -> None:
    """Turn a camera with motors by ANGLE degrees.

    DIRECTION is left, right, up or down.
    """
    given = {"camera": camera, "direction": direction, "angle": angle}
    answer = asked.ask("move", timeout_s=CAMERA_TIMEOUT_S, **given)
    asked.show(answer, f"Camera '{answer['camera']}' was told to turn {direction}.")


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each thing that can be set."""
    modes = click.Choice(["auto", "day", "night"])
    sizes = click.Choice(["sd", "hd", "fhd"])
    command = click.option("--quality", type=sizes, help="Size of its video.")(command)
    command = click.option("--mode", type=modes, help="How it sees.")(command)
    for name, told in reversed(NUMBERS.items()):
        command = click.option(f"--{name}", type=int, help=told)(command)
    for name, told in reversed(SWITCHES.items()):
        command = click.option(f"--{name}", type=ON_OFF, help=told)(command)
    return command


@prusa_camera.command("set")
@setting_options
@camera_option
@asking
def change(asked: Asked, camera: str | None, **given: Any) -> None:
    """Change settings of a camera.

    A camera applies them without an answer, or does not have them.
    """
    switches = {name.replace("-", "_") for name in SWITCHES}
    settings = {
        name: value == "on" if name in switches else value
        for name, value in given.items()
        if value is not None
    }
    answer = asked.ask("set", timeout_s=CAMERA_TIMEOUT_S, camera=camera, **settings)
    told = ", ".join(
        f"{name.replace('_', ' ')} {given[name]}" for name in answer["set"]
    )
    asked.show(answer, f"Camera '{answer['camera']}' was told: {told}.")


@prusa_camera.command()
@click.option("--confirm", is_flag=True, help="Yes, restart it.")
@camera_option
@asking
def reboot(asked: Asked, confirm: bool, camera: str | None) -> None:
    """Restart a camera."""
    given = {"camera": camera, "confirmed": confirm}
    answer = asked.ask("reboot", timeout_s=CAMERA_TIMEOUT_S, **given)
    asked.show(answer, f"Camera '{answer['camera']}' was told to restart.")


@prusa_camera.command("update-firmware")
@click.option("--confirm", is_flag=True, help="Yes, update it.")
@camera_option
@asking
def update_firmware(asked: Asked, confirm: bool, camera: str | None) -> None:
    """Update a camera's firmware."""
    given = {"camera": camera, "confirmed": confirm}
    answer = asked.ask("update_firmware", timeout_s=CAMERA_TIMEOUT_S, **given)
    asked.show(answer, f"Camera '{answer['camera']}' was told to update its firmware.")


@prusa_camera.group()
def timelapse() -> None:
    """The timelapse that a camera makes of each print."""


@timelapse.command()
@camera_option
@asking
def start(asked: Asked, camera: str | None) -> None:
    """Have the camera record the print that runs, or the next one."""
    answer = asked.ask("timelapse.start", camera=camera)
    job = answer["job"]
    asked.show(answer, "Nothing is recorded." if job is None else _told(job))


@timelapse.command()
@click.argument("job", required=False)
@camera_option
@asking
def render(asked: Asked, job: str | None, camera: str | None) -> None:
    """Have the camera make a video.

    JOB is an id, as 'list' shows it. Without one: what is recorded now, which ends its
    recording, else the newest job without a video.
    """
    answer = asked.ask("timelapse.render", camera=camera, job=job)
    asked.show(answer, _told(answer["job"]))


@timelapse.command()
@click.argument("job", required=False)
@click.option("--name", help="Of a video as the camera calls it, instead of a job.")
@camera_option
@asking
def download(
    asked: Asked, job: str | None, name: str | None, camera: str | None
) -> None:
    """Ask Prusa Connect for a video now.

    JOB is an id, as 'list' shows it. Without one: the newest job whose video is awaited
    or did not come.
    """
    answer = asked.ask("timelapse.download", camera=camera, job=job, name=name)
    asked.show(answer, _told(answer["job"]))


@timelapse.command("list")
@click.option("--files", is_flag=True, help="Ask the camera for its files as well.")
@camera_option
@asking
def list_all(asked: Asked, files: bool, camera: str | None) -> None:
    """List what became of each print, and what the cameras have."""
    given = {"camera": camera, "files": files or None}
    answer = asked.ask("timelapse.list", timeout_s=CAMERA_TIMEOUT_S, **given)
    lines = columns([_job_row(job) for job in answer["jobs"]])
    if files:
        rows = [
            [file["name"], file["state"].lower().replace("_", " "), file["camera"]]
            for file in answer["files"]
        ]
        lines += ["On the cameras:", *(columns(rows) or ["nothing"])]
    asked.show(answer, *(lines or ["There are no timelapses of Prusa cameras yet."]))


def _camera_lines(told: dict[str, Any]) -> list[str]:
    why = told["reason"] and f": {told['reason']}"
    lines = [f"{told['name']}: {told['state']}{why}"]
    if told["advice"]:
        lines.append(f"  {told['advice']}")
    for what, fields in (("is", told["features"]), ("says", told["status"])):
        if fields:
            pairs = (f"{name.replace('_', ' ')} {fields[name]}" for name in fields)
            lines.append(f"  it {what}: {', '.join(pairs)}")
    jobs = [*told["jobs"], *([told["last"]] if told["last"] else [])]
    return [*lines, *(f"  {_told(job)}" for job in jobs)]


def _told(job: dict[str, Any]) -> str:
    """A job in one line."""
    said = [f"Job {job['id']}, {job['filename'] or 'no file'}: {job['state']}"]
    if received := job.get("received_bytes"):
        length = job["length_bytes"]
        said.append(f"{received / MB:.1f} of {length / MB if length else 0:.1f} MB")
    said += [job["video"] or "", job["reason"], job["advice"], job["warning"]]
    return "; ".join(filter(None, said))


def _job_row(job: dict[str, Any]) -> list[str]:
    return [
        job["id"],
        job["camera"],
        date(job["created"]),
        job["state"],
        job["video"] or job["job_name"] or job["filename"] or "-",
        job["reason"] or job["warning"],
    ]
