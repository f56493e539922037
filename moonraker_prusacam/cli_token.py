# The command that makes viewing tokens.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam token``: lets somebody see a camera for a while, or nobody any more.

The key is read where it lies; only tokens that it has signed leave the file.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from .addresses import base_url, camera_path
from .cli_call import (
    EXIT_USAGE,
    call,
    config_option,
    fail,
    load,
    perform,
    socket_option,
)
from .errors import ConfigError, EngineUnavailable
from .viewing_tokens import ViewingTokens

if TYPE_CHECKING:
    from pathlib import Path

    from .config import Config

UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
MAX_LIFETIME_S = 3650 * 86400
LIFETIME = re.compile(r"([0-9]{1,7})([mhdw])")


def _seconds(_: click.Context, __: click.Parameter, value: str) -> int:
    """``90m``, ``12h``, ``7d`` or ``2w`` as seconds, from a minute to ten years."""
    match = LIFETIME.fullmatch(value.strip().lower())
    lifetime_s = int(match[1]) * UNITS_S[match[2]] if match else 0
    if not UNITS_S["m"] <= lifetime_s <= MAX_LIFETIME_S:
        raise click.BadParameter(
            f"{value!r} is not a time such as 90m, 12h, 7d or 2w, of 1 minute to 10 "
            "years"
        )
    return lifetime_s


@click.command()
@click.argument("camera", required=False)
@click.option("--all", "everything", is_flag=True, help="For all cameras, and status.")
@click.option(
    "--for",
    "lifetime_s",
    metavar="DURATION",
    callback=_seconds,
    default="7d",
    show_default=True,
    help="How long it is good: 90m, 12h, 7d, 2w.",
)
@click.option("--url", is_flag=True, help="Print the address of the stream with it.")
@click.option("--revoke", is_flag=True, help="Make all tokens void, and end streams.")
@config_option
@socket_option
def token(
    camera: str | None,
    everything: bool,
    lifetime_s: int,
    url: bool,
    revoke: bool,
    file: Path,
    socket: Path | None,
) -> None:
    """Print a token that lets its holder see CAMERA.

    The holder appends it to an address as ?token=TOKEN, or sends it as 'Authorization:
    Bearer TOKEN'. It takes 'require_token: True' in [access] to keep all others out.
    """
    config = load(file)
    if revoke:
        if camera or everything or url:
            fail("--revoke is for all tokens, and stands alone", EXIT_USAGE)
        _revoke(config, socket)
        return
    _expect_one(config, camera, everything)
    tokens = ViewingTokens(config.engine.state_path)
    try:
        tokens.load()
    except ConfigError as error:
        fail(str(error))
    made = tokens.issue(camera, lifetime_s)
    click.echo(_stream_url(config, camera, made) if url else made)
    until = time.strftime(
        "%Y-%m-%d %H:%M", time.localtime(tokens.clock.now_s + lifetime_s)
    )
    which = f"camera '{camera}'" if camera else "all cameras"
    click.echo(f"For {which}, until {until}.", err=True)
    if not config.access.require_token:
        click.echo(
            "Nobody needs it yet: [access] has no 'require_token: True'.", err=True
        )


def _expect_one(config: Config, camera: str | None, everything: bool) -> None:
    names = [each.name for each in config.cameras]
    if (camera is None) != everything:
        known = ", ".join(names)
        fail(f"name a camera ({known}), or --all, not both", EXIT_USAGE)
    if camera is not None and camera not in names:
        fail(f"no camera '{camera}'; there is: {', '.join(names)}", EXIT_USAGE)


def _stream_url(config: Config, camera: str | None, made: str) -> str:
    shown = next(each for each in config.cameras if camera in (None, each.name))
    base = base_url(config.engine, shown, config.engine.port)
    path = "/" if camera is None else camera_path(shown.name, "stream")
    return f"{base}{path}?token={quote(made, safe='')}"


def _revoke(config: Config, socket: Path | None) -> None:
    path = socket or config.engine.socket_path
    answer = perform(_ask_engine(path, "engine.revoke_tokens"))
    if answer is None or not answer["revoked"]:
        try:
            ViewingTokens(config.engine.state_path).revoke()
        except ConfigError as error:
            fail(str(error))
    click.echo("All viewing tokens are void.")
    if answer is None:
        click.echo("No engine answered; one that runs knows when it is restarted.")


async def _ask_engine(path: Path, method: str) -> dict[str, Any] | None:
    """The engine's answer, None where there is none."""
    try:
        answer: dict[str, Any] = await call(path, method)
    except EngineUnavailable:
        return None
    return answer
