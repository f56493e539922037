# The command line.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam``: run the engine, check its configuration, ask a running one.

``cli_call`` tells what the exit status means.
"""

from __future__ import annotations

import base64
import faulthandler
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cli_call import (
    EXIT_FAILED,
    call,
    config_option,
    fail,
    load,
    perform,
    socket_option,
    socket_path,
)
from .cli_camera import camera as camera_group
from .cli_completion import completion
from .cli_connect import connect
from .cli_doctor import doctor
from .cli_emulator import emulator
from .cli_gateway import gateway
from .cli_install import install, uninstall
from .cli_multicam import multicam
from .cli_multicam import status_lines as multicam_lines
from .cli_nginx import nginx
from .cli_printer import printer as printer_group
from .cli_prusa_camera import prusa_camera
from .cli_timelapse import timelapse
from .cli_token import token
from .errors import FfmpegMissing
from .log import logging_to
from .log_file import LogFile
from .version import __version__

if TYPE_CHECKING:
    from .config import EngineConfig


def _print_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from .status import hot_path

        click.echo(f"prusacam {__version__} (hot path: {hot_path()})")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, and what of the hot path is compiled.",
)
def main() -> None:
    """Camera engine for Klipper printers.

    One engine owns each camera and shares every frame: snapshots and streams for
    Mainsail, Fluidd and Mobileraker, snapshots for Prusa Connect, timelapses.

    Exit status: 0 when all went well, 1 when it did not, 2 for a mistake in options
    or in the configuration, 3 when no engine answers.
    """


main.add_command(camera_group)
main.add_command(completion)
main.add_command(timelapse)
main.add_command(emulator)
main.add_command(connect)
main.add_command(doctor)
main.add_command(prusa_camera)
main.add_command(multicam)
main.add_command(gateway)
main.add_command(nginx)
main.add_command(token)
main.add_command(install)
main.add_command(uninstall)
main.add_command(printer_group)


@main.command()
@config_option
def run(file: Path) -> None:
    """Run the engine until it is told to stop.

    SIGTERM and Ctrl+C end it; what it does, it tells on standard error.
    """
    from .app import run as run_engine

    config = load(file)
    if not (config.cameras or config.prusa_cameras or config.multicam.multicam):
        fail(f"{file}: there is no [camera NAME] section, so there is nothing to do")
    # An engine that hangs is aborted by systemd's watchdog: the journal tells where.
    if sys.stderr is not None:
        faulthandler.enable()
    with logging_to(config.engine.log_level, _log_file(config.engine)):
        perform(run_engine(config))


def _log_file(engine: EngineConfig) -> LogFile | None:
    if not engine.log_size_mb:
        return None
    system = f"Python {platform.python_version()}, {platform.platform(terse=True)}"
    return LogFile(
        engine.log_path,
        engine.log_size_mb * 1_000_000,
        engine.log_files,
        f"prusacam {__version__}, {system}",
    )


@main.command()
@config_option
def check(file: Path) -> None:
    """Check the configuration and print every mistake in it.

    The exit status is 2 if there is one.
    """
    from .ffmpeg_program import find_ffmpeg

    config = load(file)
    if config.timelapse is not None:
        try:
            find_ffmpeg(config.timelapse.ffmpeg)
        except FfmpegMissing as error:
            fail(str(error))
    cameras = ", ".join(camera.name for camera in config.cameras) or "none"
    click.echo(f"{file.expanduser()} is fine. Cameras: {cameras}.")


@main.command()
@config_option
@socket_option
@click.option("--json", "as_json", is_flag=True, help="Print the whole status as JSON.")
def status(file: Path, socket: Path | None, as_json: bool) -> None:
    """Show what a running engine does.

    The exit status is 3 if none runs.
    """
    answer = perform(call(socket_path(file, socket), "engine.status"))
    console = Console()
    if as_json:
        console.print_json(data=answer)
        return
    console.print(
        f"prusacam {answer['version']}, up {answer['uptime_s']:.0f} s, "
        f"{answer['viewers']} viewer(s)"
    )
    if answer["cameras"]:
        console.print(_camera_table(answer["cameras"]))
    _print_timelapse(console, answer["timelapse"])
    for upload in answer["connect"]:
        _print_upload(console, upload)
    if answer["printer"]["state"] != "off":
        _print_session(console, "Printer", "in Prusa Connect", answer["printer"])
    for camera in answer["prusa_cameras"]:
        _print_session(console, "Prusa camera", camera["name"], camera)
    for role in answer["camera_roles"]:
        _print_session(console, "Answers as a camera", role["camera"], role)
    for line in multicam_lines(answer["multicam"]):
        console.print(escape(line))


@main.command()
@config_option
@socket_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    required=True,
    help="Where to write the JPEG; - is standard output.",
)
@click.option("--camera", help="Which camera; the first one if not given.")
def snapshot(file: Path, socket: Path | None, output: Path, camera: str | None) -> None:
    """Save the newest frame of a camera."""
    params = {} if camera is None else {"camera": camera}
    answer = perform(call(socket_path(file, socket), "camera.snapshot", params))
    data = base64.b64decode(answer["data"])
    try:
        if str(output) == "-":
            _write_stdout(data)
            return
        output.write_bytes(data)
    except OSError as error:
        fail(f"{output}: {error.strerror}")
    click.echo(
        f"{output}: {len(data)} bytes from camera '{answer['camera']}', "
        f"{answer['age_ms']:.0f} ms old"
    )


@main.command()
@click.option("--once", is_flag=True, help="End when the print is done.")
@click.option(
    "--moonraker",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The Python interpreter that has Moonraker installed.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where video, pictures and logs are kept; ./prusacam-demo if not given.",
)
def demo(once: bool, moonraker: Path | None, output: Path | None) -> None:
    """Show the whole job with a simulated printer and camera.

    A print of 20 layers in real Moonraker becomes snapshots, a stream, uploads to a
    local Prusa Connect, and a timelapse video.
    """
    try:
        from .emulator.demo import Demo
    except ModuleNotFoundError as error:
        fail(f"the demo needs {error.name}: pip install 'moonraker-prusacam[demo]'")

    succeeded = perform(Demo(moonraker=moonraker, output=output).run(once=once))
    sys.exit(0 if succeeded else EXIT_FAILED)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the frames into this folder, too.",
)
def frames(file: Path, output: Path | None) -> None:
    """List the JPEG frames of a recorded stream.

    FILE holds what a camera sent; - is standard input. One JSON line a frame, and a
    last one that counts frames and all that was dropped.
    """
    from .camera.dump import dump

    try:
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
        source = sys.stdin.fileno() if str(file) == "-" else file
        with open(source, "rb", buffering=0, closefd=source is file) as stream:
            for record in dump(stream, output):
                click.echo(json.dumps(record))
    except BrokenPipeError:
        raise  # click ends quietly
    except OSError as error:
        fail(f"{error.filename or file}: {error.strerror}")


def _write_stdout(data: bytes) -> None:
    # In a buffer of its own, since nobody hears of what fails in Python's at exit.
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as stdout:
        stdout.write(data)


def _camera_table(cameras: list[dict[str, Any]]) -> Table:
    table = Table("camera", "state", "size", "fps", "age", "viewers", "why")
    for camera in cameras:
        size = f"{camera['width']}x{camera['height']}" if camera["width"] else "-"
        age_ms = camera["age_ms"]
        table.add_row(
            escape(camera["name"]),
            camera["state"],
            size,
            f"{camera['fps']:.1f}",
            "-" if age_ms is None else f"{age_ms:.0f} ms",
            str(camera["viewers"]),
            escape(": ".join(filter(None, (camera["reason"], camera["advice"])))),
        )
    return table


def _print_timelapse(console: Console, timelapse: dict[str, Any]) -> None:
    if not timelapse["enabled"]:
        console.print("Timelapse: off")
        return
    for title, job in (("recording", timelapse["active"]), ("last", timelapse["last"])):
        if job is not None:
            what = job["error"] or job["video"] or job["filename"] or "no file"
            missing = f" ({job['gaps']} missing)" if job["gaps"] else ""
            console.print(
                f"Timelapse, {title}: {job['state']}, {job['frames']} frames{missing}, "
                f"{escape(what)}"
            )


def _print_session(
    console: Console, title: str, name: str, session: dict[str, Any]
) -> None:
    why = session["reason"] and f": {session['reason']}"
    console.print(f"{title}, {escape(name)}: {session['state']}{escape(why)}")


def _print_upload(console: Console, upload: dict[str, Any]) -> None:
    last = upload["last_accepted"]
    ago = "" if last is None else f" (the last {time.time() - last:.0f} s ago)"
    due_s = upload["next_in_s"]
    due = "when it is asked for" if due_s is None else f"in {due_s:.0f} s"
    interval_s = upload["interval_s"]
    rhythm = upload["trigger_scheme"] if interval_s is None else f"every {interval_s} s"
    if upload["paused"]:
        rhythm, due = f"switched off ({rhythm})", "when it is asked for"
    console.print(
        f"Prusa Connect, {escape(upload['camera'])}: {upload['state']}\n"
        f"  {upload['accepted']} accepted{ago}, {upload['failed']} failed, "
        f"{upload['bytes_in_hour'] / 1e6:.1f} MB in an hour\n"
        f"  {rhythm} by {upload['chosen_in']}, the next {due}"
    )
    for told in (upload["error"], upload["hint"]):
        if told:
            console.print(f"  {escape(told)}")
    if upload["black_since"]:
        since = time.strftime("%H:%M", time.localtime(upload["black_since"]))
        console.print(f"  The pictures are black since {since}: is there light?")
