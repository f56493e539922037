# The command line of the doctor.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam doctor``: what is wrong, and what helps.

A running engine looks at itself; without one the checks run here. Exit status: 0 when
nothing failed, 1 when something did, 2 for mistakes in the configuration.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from . import config as configuration
from .cli_call import EXIT_FAILED, EXIT_USAGE, call, config_option, fail, perform
from .errors import ConfigErrors, ControlError, EngineUnavailable, RpcError
from .option import url

if TYPE_CHECKING:
    from pathlib import Path

    from .config import Config
    from .doctor import Finding
    from .doctor.examination import Options

# What connect(2) says when nobody holds the socket.
NOBODY = (FileNotFoundError, ConnectionRefusedError)


@click.command()
@config_option
@click.option("--dry-run", is_flag=True, help="Upload nothing to Prusa Connect.")
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
@click.option(
    "--ui",
    "ui_url",
    metavar="URL",
    help="Address of Mainsail or Fluidd, if it is not this host's port 80.",
)
def doctor(file: Path, dry_run: bool, as_json: bool, ui_url: str | None) -> None:
    """Look for what is wrong, and say what helps.

    Looks at the configuration, the engine, the disk, ffmpeg, the cameras, the way to
    Prusa Connect with one real upload, Moonraker, and the webcam's address.
    """
    from .doctor import State, report
    from .doctor.engine import tell_mistakes
    from .doctor.examination import Options

    if ui_url is not None:
        try:
            url("http", "https")(ui_url)
        except ValueError as error:
            fail(f"--ui {error}", EXIT_USAGE)
    try:
        config = configuration.load(file.expanduser())
    except ConfigErrors as errors:
        _print(report(tell_mistakes(errors)), as_json)
        sys.exit(EXIT_USAGE)
    # What cameras tell of themselves is in the findings; a bug in a check is not.
    logging.getLogger(__package__).setLevel(logging.ERROR)
    console = Console(stderr=True)
    with console.status("Looking; a real upload may take some 20 s"):
        answer = perform(_examine(config, Options(dry_run, ui_url)))
    _print(answer, as_json)
    sys.exit(EXIT_FAILED if answer["state"] == State.FAILED else 0)


async def _examine(config: Config, options: Options) -> Any:
    from .doctor import examine_without_engine, report
    from .doctor.engine import tell_absence, tell_silence
    from .doctor.method import CALL_TIMEOUT_S

    path = config.engine.socket_path
    params = {"dry_run": options.dry_run, "ui_url": options.ui_url}
    absence: Finding
    try:
        return await call(path, "engine.doctor", params, timeout_s=CALL_TIMEOUT_S)
    except EngineUnavailable as error:
        is_held = not isinstance(error.__cause__, NOBODY)
        absence = tell_silence(str(error)) if is_held else tell_absence(config)
    except RpcError as error:
        if error.http_status != 404:
            raise
        is_held, absence = True, tell_silence("the engine is older than this command")
    except ControlError as error:
        is_held, absence = True, tell_silence(str(error))
    return report(
        await examine_without_engine(config, options, absence, is_held=is_held)
    )


def _print(answer: dict[str, Any], as_json: bool) -> None:
    from .doctor.table import print_findings

    console = Console()
    if as_json:
        console.print_json(data=answer)
    else:
        print_findings(console, answer["findings"])
