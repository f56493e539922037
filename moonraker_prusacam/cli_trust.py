# The command that trusts a camera's new certificate.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam camera trust``: what the engine has refused is right.

The engine has kept the certificate, so nobody else can slip in another one between the
question and the answer, and a camera that serves one client is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .camera.pins import Pin, PinDamaged, PinStore
from .cli_call import EXIT_USAGE, config_option, fail, load

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("name")
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def trust(name: str, file: Path, yes: bool) -> None:
    """Trust the new certificate of camera NAME.

    The engine has refused it, since it is not the one that the camera showed first.
    Both are shown, and you are asked.
    """
    config = load(file)
    names = [camera.name for camera in config.cameras]
    if name not in names:
        fail(f"no camera '{name}'; there is: {', '.join(names)}", EXIT_USAGE)
    store = PinStore(config.engine.state_path, name)
    try:
        refused = store.refused()
        if refused is None:
            fail(f"no certificate of camera '{name}' was refused")
        click.echo(f"Camera '{name}' at {refused.host}")
        click.echo(f"  was:  {_known(store)}")
        click.echo(f"  now:  {_shown(refused)}")
        if not yes:
            click.confirm("Is this your camera?", abort=True)
        if store.refused() != refused:
            fail("it has shown yet another certificate meanwhile; look at it again")
        store.trust()
    except PinDamaged as error:
        fail(f"{error}; the engine writes it anew at its next attempt")
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    click.echo("The engine connects to it within half a minute.")


def _known(store: PinStore) -> str:
    try:
        known = store.known()
    except PinDamaged:
        return "not known any more, its file is damaged"
    return "not known" if known is None else _shown(known)


def _shown(pin: Pin) -> str:
    found = pin.certificate
    return f"{found.name or '(no name)'}\n        SHA-256 {found.fingerprint}"
