# The command line for cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam camera``: which there are, whether one works, and one more.

A camera that an engine has is tested by that engine: many serve one client only.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from .cli_call import (
    EXIT_FAILED,
    EXIT_USAGE,
    call,
    config_option,
    fail,
    load,
    perform,
    socket_option,
    socket_path,
)
from .cli_camera_add import add
from .cli_camera_probe import (
    FROM_INPUT,
    LOOKING,
    end_with,
    find_same,
    load_if_sound,
    print_examination,
    probe,
    probe_on,
    read_section,
    section_options,
)
from .cli_trust import trust
from .errors import CameraNotFound, ConfigError, ConfigErrors, EngineUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from .camera_options import CameraConfig
    from .config import Config

# What connect(2) says when nobody holds the socket, and with it the cameras.
NOBODY = (FileNotFoundError, ConnectionRefusedError)
NAMELESS = "camera"

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the answer as JSON."
)


@click.group()
def camera() -> None:
    """List cameras, test one, add one."""


camera.add_command(add)
camera.add_command(trust)


@camera.command("list")
@config_option
@socket_option
@json_option
def list_all(file: Path, socket: Path | None, as_json: bool) -> None:
    """List the cameras, and how they are.

    Without a running engine: those of the configuration.
    """
    answer = perform(_list(socket_path(file, socket), file))
    if as_json:
        Console().print_json(data=answer)
        return
    console, source = Console(), Column("source", overflow="fold")
    table = Table("camera", source, "state", "size", "fps", "viewers")
    for listed in answer["cameras"]:
        table.add_row(*_row(listed))
    console.print(table)
    for listed in answer["cameras"]:
        if listed["state"] not in (None, "live"):
            why = ": ".join(filter(None, (listed["reason"], listed["advice"])))
            console.print(f"{escape(listed['name'])}: {escape(why)}")


@camera.command()
@click.argument("target", metavar="NAME|URL|-")
@config_option
@socket_option
@section_options
@json_option
def test(
    target: str, file: Path, socket: Path | None, as_json: bool, **given: Any
) -> None:
    """Test whether a camera answers, lets us in, and sends frames.

    NAME is a camera of the configuration, which the engine tests if one runs. A URL is
    tried out from here; '-' reads it from standard input.
    """
    try:
        answer = _test(target, file, socket, given)
    except ConfigErrors as errors:
        end_with(errors)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    if as_json:
        Console().print_json(data=answer)
    else:
        print_examination(answer)
    sys.exit(0 if answer["success"] else EXIT_FAILED)


def _test(target: str, file: Path, socket: Path | None, given: dict[str, Any]) -> Any:
    waiting = Console(stderr=True).status(LOOKING)
    if target != FROM_INPUT and ":" not in target:
        if any(given.values()):
            raise ConfigError("a NAME takes no options of a camera: it has its own")
        path = socket_path(file, socket)
        with waiting:
            return perform(_test_configured(target, path, file))
    section = read_section(NAMELESS, target, given)
    config = load_if_sound(file)
    same = find_same(config, section.source)
    if config is not None and same is not None:
        # A connection of our own could take the picture away from the engine.
        path = socket or config.engine.socket_path
        with waiting:
            return perform(_test_configured(same.name, path, file))
    _, wanted = section.check(b"", file)
    with waiting:
        return perform(probe(wanted, None if config is None else config.ffmpeg))


async def _list(path: Path, file: Path) -> Any:
    try:
        return await call(path, "camera.list")
    except EngineUnavailable as error:
        cameras = load(file).cameras
        click.echo(f"{error}. This is what the configuration says.", err=True)
    return {"cameras": [_told(camera) for camera in cameras]}


def _told(camera: CameraConfig) -> dict[str, Any]:
    """A camera of which no more is known than its configuration."""
    unknown = dict.fromkeys(
        ("state", "reason", "advice", "width", "height", "fps", "viewers")
    )
    return {"name": camera.name, "source": str(camera.source), **unknown}


def _row(listed: dict[str, Any]) -> list[str]:
    fps, viewers = listed["fps"], listed["viewers"]
    return [
        escape(listed["name"]),
        escape(listed["source"]),
        listed["state"] or "-",
        f"{listed['width']}x{listed['height']}" if listed["width"] else "-",
        "-" if fps is None else f"{fps:.1f}",
        "-" if viewers is None else str(viewers),
    ]


async def _test_configured(name: str, path: Path, file: Path) -> Any:
    """Have the engine test a camera, or do it here where there is no engine."""
    from .camera.examination import CALL_TIMEOUT_S
    from .camera.sources import Host

    try:
        params = {"camera": name}
        return await call(path, "camera.test", params, timeout_s=CALL_TIMEOUT_S)
    except EngineUnavailable as error:
        if not isinstance(error.__cause__, NOBODY):
            raise  # whoever holds the socket may have the camera
    config: Config = load(file)
    for wanted in config.cameras:
        if wanted.name == name:
            host = Host(config.engine.state_path, config.ffmpeg)
            return await probe_on(wanted, host)
    known = ", ".join(wanted.name for wanted in config.cameras)
    raise CameraNotFound(f"no camera '{name}'; there is: {known}")
