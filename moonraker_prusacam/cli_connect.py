# The command line for Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam connect``: cameras that are in Prusa Connect already come over to us."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_call import EXIT_FAILED, EXIT_USAGE, config_option, fail
from .errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .connect.import_plan import ImportPlan
    from .connect.takeover import Takeover

MAX_ENV_BYTES = 256 << 10


@click.group()
def connect() -> None:
    """Cameras in Prusa Connect."""


@connect.command("import")
@click.argument("env_file", metavar="FILE", type=click.Path(path_type=Path))
@config_option
@click.option("--camera", help="Which camera it becomes; the only one if not given.")
@click.option("--write", is_flag=True, help="Add the sections to the configuration.")
def import_settings(
    env_file: Path, file: Path, camera: str | None, write: bool
) -> None:
    """Take over a camera of another uploader.

    FILE is a prusa-connect.env, or the settings of prusa-connect-camera-script. Token
    and fingerprint stay as they are, so Prusa Connect notices nothing. They are stored
    for you alone; what belongs into the configuration is shown, or added by --write.
    """
    from .connect.env_file import parse_env_file
    from .connect.import_plan import plan_import
    from .connect.takeover import take_over

    try:
        takeover = take_over(parse_env_file(_read(env_file)))
    except ConfigError as error:
        fail(f"{env_file}: {error}", EXIT_USAGE)
    try:
        plan = plan_import(takeover, file.expanduser(), camera)
        plan.store_identity()
        _tell(takeover, plan)
        is_complete = _finish(plan, write)
    except ConfigErrors as errors:
        for mistake in errors.errors:
            click.echo(f"{errors.path}: {mistake}", err=True)
        sys.exit(EXIT_USAGE)
    except ConfigError as error:
        fail(str(error))
    _tell_steps(plan, env_file)
    sys.exit(0 if is_complete else EXIT_FAILED)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_ENV_BYTES + 1)
    except OSError as error:
        raise ConfigError(error.strerror or type(error).__name__) from error
    if len(content) > MAX_ENV_BYTES:
        raise ConfigError(f"is larger than {MAX_ENV_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text") from None


def _tell(takeover: Takeover, plan: ImportPlan) -> None:
    click.echo(f"Taken over, for camera '{plan.camera}':")
    _list(takeover.taken)
    if takeover.left:
        click.echo("Not taken over:")
        _list(takeover.left)
    click.echo("Stored, for your user alone:")
    for path in (plan.token_path, plan.fingerprint_path):
        click.echo(f"  {path}")


def _list(rows: Iterable[tuple[str, str]]) -> None:
    for name, told in rows:
        click.echo(f"  {name}: {told}")


def _finish(plan: ImportPlan, write: bool) -> bool:
    """Add the sections, or show them; whether all is done that was asked."""
    if not plan.sections:
        click.echo(f"{plan.file} has the sections already.")
        return True
    if write and not plan.lacks_source:
        plan.write_configuration()
        click.echo(f"Added to {plan.file}:\n\n{plan.shown}")
        return True
    click.echo(f"This belongs into {plan.file}:\n\n{plan.shown}")
    if plan.lacks_source:
        click.echo("SOURCE stands for the camera: docs/cameras.md tells what there is.")
    if write:
        click.echo("Nothing was added to it, since the source is missing.", err=True)
    return not write


def _tell_steps(plan: ImportPlan, env_file: Path) -> None:
    steps = list(plan.takeover.steps)
    if stat.S_IMODE(env_file.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        steps.append(
            f"others on this host can read the token in {env_file}: chmod 600, or "
            "remove it when all works"
        )
    steps.append("sudo systemctl restart prusacam, then: prusacam doctor")
    click.echo("What is left for you:")
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. {step}")
