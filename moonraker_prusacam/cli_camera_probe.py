# A camera that the command line tries out.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user types to a test in this process, and what is printed of it.

The test is the engine's. Whoever asks has to make sure that no engine has the camera.
"""

from __future__ import annotations

import getpass
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import config as configuration
from .camera_options import secret_text
from .camera_section import compose, is_same, parse_url, secret_name
from .cli_call import EXIT_USAGE
from .errors import ConfigError, ConfigErrors
from .secret import Secret
from .source_url import MASK

if TYPE_CHECKING:
    from collections.abc import Callable

    from .camera.sources import Host
    from .camera_options import CameraConfig
    from .camera_section import CameraSection
    from .config import Config
    from .source_url import SourceUrl

MAX_URL_CHARACTERS = 4096
FROM_INPUT = "-"
LOOKING = "Looking; that takes up to 15 s"
VISIBLE = (
    "Note: everybody on this host can see the arguments of a command while it runs, "
    "and the password in this URL with them. With '-' in its place, it is read from "
    "standard input."
)


def section_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options for who the camera is told that we are, and for others of its section."""
    file_type = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--set",
            "settings",
            metavar="OPTION=VALUE",
            multiple=True,
            help="Another option of the camera, such as rotation=180.",
        ),
        click.option(
            "--access-code-file",
            type=file_type,
            help="A file that holds the access code of a Bambu Lab printer.",
        ),
        click.option(
            "--password-file",
            type=file_type,
            help="A file that holds the password; without it you are asked.",
        ),
        click.option("--username", help="Who to log in as."),
    ):
        command = option(command)
    return command


def read_section(name: str, url: str, given: dict[str, Any]) -> CameraSection:
    """The section of a camera ``name``, as it was typed; raises ConfigError."""
    if url == FROM_INPUT:
        url = sys.stdin.readline(MAX_URL_CHARACTERS)
        source = parse_url(url.strip())
    else:
        source = parse_url(url.strip())
        if source.password is not None or str(source).endswith(f"?{MASK}"):
            click.echo(VISIBLE, err=True)
    username = given["username"]
    secret, secret_file = _read_secret(
        source, username, given["password_file"], given["access_code_file"]
    )
    return compose(
        name,
        url,
        settings=given["settings"],
        username=username,
        secret=secret,
        secret_file=secret_file,
    )


def load_if_sound(file: Path) -> Config | None:
    """The configuration, None where there is none without mistakes."""
    try:
        return configuration.load(file.expanduser())
    except ConfigErrors:
        return None


def find_same(config: Config | None, source: SourceUrl) -> CameraConfig | None:
    """The configured camera that has the same source."""
    cameras = () if config is None else config.cameras
    same = (camera for camera in cameras if is_same(camera.source, source))
    return next(same, None)


def end_with(errors: ConfigErrors) -> NoReturn:
    """End the program with all mistakes in the configuration."""
    for mistake in errors.errors:
        click.echo(f"{errors.path}: {mistake}", err=True)
    sys.exit(EXIT_USAGE)


async def probe(camera: CameraConfig, ffmpeg: Path | None) -> dict[str, Any]:
    """What a test of a camera that is not configured finds; leaves nothing behind."""
    from .camera.sources import Host

    with tempfile.TemporaryDirectory(prefix="prusacam-") as folder:
        return await probe_on(camera, Host(Path(folder), ffmpeg))


async def probe_on(camera: CameraConfig, host: Host) -> dict[str, Any]:
    """What a test of a camera finds that no engine has."""
    from .camera import Camera
    from .camera.examination import TIMEOUT_S, examine
    from .camera.sources import open_source

    # What the camera logs is in the answer.
    logging.getLogger(__package__).setLevel(logging.CRITICAL)
    tested = Camera(camera, open_source(camera, host))
    tested.start()
    try:
        return (await examine(tested, TIMEOUT_S)).as_dict()
    finally:
        await tested.aclose()


def print_examination(answer: dict[str, Any]) -> None:
    """The stages as a table, and below what helps."""
    console = Console()
    table = Table("stage", "state", "took", "found")
    for stage in answer["stages"]:
        took_ms = stage["duration_ms"]
        table.add_row(
            stage["name"].replace("_", " "),
            stage["status"],
            "-" if took_ms is None else f"{took_ms:.0f} ms",
            escape(stage.get("found", "")),
        )
    console.print(table)
    if not answer["success"] and answer["advice"]:
        console.print(f"What helps: {escape(answer['advice'])}")


def _read_secret(
    source: SourceUrl,
    username: str | None,
    password_file: Path | None,
    access_code_file: Path | None,
) -> tuple[Secret | None, Path | None]:
    """What is entered, or else the file that holds it; raises ConfigError."""
    if not source.takes_user and (username or password_file):
        raise ConfigError(f"{source.scheme}: has no users and passwords")
    is_code = secret_name(source) == "access_code"
    named, other = password_file, access_code_file
    if is_code:
        named, other = other, named
    if other is not None:
        raise ConfigError("--access-code-file is for bambu:// only")
    if named is not None:
        if source.password is not None:
            raise ConfigError("the URL has a password, and there is a file with one")
        return None, _checked_file(named.expanduser().absolute())
    has_user = username is not None or source.user is not None
    if not is_code and (not has_user or source.password is not None):
        return None, None
    entered = _ask(
        "Access code: " if is_code else "Password, if there is one: ",
        "--access-code-file" if is_code else "--password-file",
    )
    if is_code and not entered:
        raise ConfigError("the printer shows its access code in its network settings")
    return Secret(entered) if entered else None, None


def _checked_file(path: Path) -> Path:
    try:
        with path.open("rb") as stream:
            content = stream.read(configuration.MAX_SECRET_FILE_BYTES)
        secret_text(content.decode(errors="replace").strip())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return path


def _ask(prompt: str, option: str) -> str:
    """What is typed at the terminal, unseen; raises ConfigError where there is none."""
    try:
        Path("/dev/tty").open("rb").close()
    except OSError:
        raise ConfigError(
            f"there is no terminal to ask for it; name a file that holds it: {option}"
        ) from None
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""
