# The command line of the read-only gateway.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam gateway``: let people watch, and do nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .cli_call import EXIT_USAGE, config_option, fail, load, perform
from .log import logging_to

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@click.option(
    "--table", is_flag=True, help="Show which calls pass and which do not, and end."
)
def gateway(file: Path, table: bool) -> None:
    """Run the read-only gateway until it is told to stop.

    Mainsail, Fluidd and Mobileraker watch the printer and its cameras through it. It
    needs a [gateway] section in the configuration.
    """
    from .gateway.service import run
    from .gateway.table import markdown

    if table:
        click.echo(markdown())
        return
    config = load(file)
    if config.gateway is None:
        fail(f"{file}: there is no [gateway] section, so it is off", EXIT_USAGE)
    with logging_to(config.engine.log_level):
        perform(run(config))
