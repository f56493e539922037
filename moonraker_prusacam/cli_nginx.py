# The command that prints nginx's configuration.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam nginx``: a snippet for the web server in front of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import nginx as web_server
from .cli_call import EXIT_USAGE, config_option, fail, load
from .config import NGINX_PATHS

if TYPE_CHECKING:
    from pathlib import Path

STOCK = (
    "# The nginx of Mainsail and Fluidd forwards {path} to port {port} already, and "
    "needs no change.\n# Put this in place of its location {path} if [access] has to "
    "know who asks, and write\n# 'trusted_proxies: loopback' there."
)


@click.command()
@config_option
@click.option("--path", help="Where browsers find the cameras, such as /cameras/.")
@click.option(
    "--listen",
    metavar="[ADDRESS:]PORT",
    help="Print a whole server for the cameras alone that listens there.",
)
@click.option(
    "--check/--no-check",
    "wanted",
    default=None,
    help="Whether to test it with 'nginx -t'; if not said, where there is an nginx.",
)
def nginx(
    file: Path, path: str | None, listen: str | None, wanted: bool | None
) -> None:
    """Print a snippet for nginx, and test it.

    Without --listen it is a location {} for the server {} block that shows Mainsail or
    Fluidd. Nothing is written; the snippet is on standard output, all else on standard
    error.
    """
    engine = load(file).engine
    if path is not None and listen is not None:
        fail("--listen has all cameras at its root; leave --path out", EXIT_USAGE)
    where = path or web_server.usual_path(engine)
    try:
        location = web_server.location(engine, "/" if listen else where)
        snippet = web_server.server(engine, listen) if listen else location
    except ValueError as error:
        fail(str(error), EXIT_USAGE)
    click.echo(snippet, nl=False)
    if not listen and NGINX_PATHS.get(engine.port) == where:
        click.echo(STOCK.format(path=where, port=engine.port), err=True)
    if wanted is False:
        return
    try:
        version = web_server.check(location)
    except web_server.NginxMissing as error:
        if wanted:
            fail(str(error))
        click.echo("# Not tested: there is no nginx on this host.", err=True)
    except web_server.NginxRefused as error:
        fail(str(error))
    else:
        click.echo(f"# Tested with {version}.", err=True)
