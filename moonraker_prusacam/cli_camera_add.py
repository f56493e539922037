# One more camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam camera add``: tries a camera out, and writes its section.

Everything that can be refused is refused before the camera is asked, and nothing is
written before it has answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import click
from rich.console import Console

from . import config_file
from .addresses import base_url, camera_path, own_url
from .cli_call import EXIT_USAGE, config_option, fail, perform
from .cli_camera_probe import (
    LOOKING,
    end_with,
    find_same,
    load_if_sound,
    print_examination,
    probe,
    read_section,
    section_options,
)
from .errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from pathlib import Path

    from .camera_options import CameraConfig
    from .camera_section import CameraSection
    from .config import Config


@click.command()
@click.argument("name")
@click.argument("url", metavar="URL|-")
@config_option
@section_options
@click.option("--dry-run", is_flag=True, help="Show what would be written, only.")
@click.option("--force", is_flag=True, help="Write it although no picture came.")
def add(
    name: str, url: str, file: Path, dry_run: bool, force: bool, **given: Any
) -> None:
    """Add a camera to the configuration, after a test.

    NAME is what it will be called. Its section comes to the end of the file, all else
    stays as it is. '-' in place of the URL reads it from standard input. A password
    goes into a file of its own.
    """
    file = file.expanduser()
    try:
        section = read_section(name, url, given)
        content = config_file.read(file)
        _expect_new(section, content, file)
        config, camera = section.check(content, file)
        section = _with_place_for_secret(section, config)
        if not _try_out(section, config, camera, file) and not force:
            fail("nothing is written; --force adds the camera nevertheless")
        if dry_run:
            click.echo(f"This would be added to {file}:\n\n{section.shown}")
            return
        _write(section, file)
    except ConfigErrors as errors:
        end_with(errors)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    _tell_steps(config, camera)


def _expect_new(section: CameraSection, content: bytes, file: Path) -> None:
    if f"camera {section.name}" in config_file.parse(content, file):
        raise ConfigError(f"{file} has a [camera {section.name}] already")


def _with_place_for_secret(section: CameraSection, config: Config) -> CameraSection:
    """Say which file will hold what was entered."""
    if section.secret is None:
        return section
    data_path = config.engine.data_path
    try:
        config_file.expect_own(data_path)
    except OSError as error:
        raise ConfigError(
            f"{data_path}: {error.strerror}, so the password has no place; name "
            "Moonraker's data folder in the configuration, [engine] data_path"
        ) from error
    name = f"{section.name}.{section.secret_name}"
    path = config.engine.state_path / "cameras" / name
    return attrs.evolve(section, secret_file=path)


def _try_out(
    section: CameraSection, config: Config, camera: CameraConfig, file: Path
) -> bool:
    """Test the camera and print what was found; whether it works."""
    same = find_same(load_if_sound(file), section.source)
    if same is not None:
        # Asking it from here would take the picture away from the other one.
        click.echo(
            f"Camera '{same.name}' has this source already. Two cameras of one source "
            "are two connections, and many serve one only.",
            err=True,
        )
        return False
    with Console(stderr=True).status(LOOKING):
        answer = perform(probe(camera, config.ffmpeg))
    print_examination(answer)
    return bool(answer["success"])


def _write(section: CameraSection, file: Path) -> None:
    _expect_own_file(file)
    section.store_secret()
    # Somebody may have edited it while the camera was asked.
    content = config_file.read(file)
    _expect_new(section, content, file)
    backup = config_file.back_up(file)
    config_file.replace(file, config_file.extended(content, section.text))
    click.echo(f"Added to {file}:\n\n{section.shown}")
    if backup is not None:
        click.echo(f"What the file was before is in {backup}.")
    if section.secret is not None:
        click.echo(f"The secret is in {section.secret_file}, for your user alone.")


def _expect_own_file(file: Path) -> None:
    target = file.resolve()
    while not target.exists():
        target = target.parent
    config_file.expect_own(target)


def _tell_steps(config: Config, camera: CameraConfig) -> None:
    engine = config.engine
    base = base_url(engine, camera, engine.port)
    path = camera_path(camera.name, "stream")
    where = f"{base}{path}"
    if base.startswith("/"):
        where = (
            "Mainsail and Fluidd list it as a webcam\n"
            f"     (at their address {where},\n"
            f"     on this host {own_url(engine, engine.port)}{path})"
        )
    elif engine.port == 0:
        where = "the address that 'prusacam status --json' tells"
    click.echo(
        "What is left for you:\n"
        "  1. restart the engine: sudo systemctl restart prusacam\n"
        f"  2. look at the picture: {where}"
    )
