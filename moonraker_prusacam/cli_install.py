# The command line of the installer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam install`` and ``prusacam uninstall``.

install.sh offers the same before there is a ``prusacam``; the options stand in
``install/options.py``, for both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli_call import fail
from .errors import InstallError
from .install.options import INSTALL_FLAGS, UNINSTALL_FLAGS, Options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .install.options import Flag


def _options(flags: Sequence[Flag]) -> Callable[[Callable[..., None]], Any]:
    def decorate(command: Callable[..., None]) -> Any:
        for flag in reversed(flags):
            given: dict[str, Any] = {"help": flag.help}
            if not flag.metavar:
                given["is_flag"] = True
            elif flag.is_path:
                given.update(metavar=flag.metavar, type=click.Path(path_type=Path))
            else:
                given["metavar"] = flag.metavar
            command = click.option(flag.name, **given)(command)
        return command

    return decorate


@click.command()
@_options(INSTALL_FLAGS)
def install(**given: Any) -> None:
    """Install, update or mend the engine on this host.

    Finds Moonraker and the camera, asks for what it cannot know, and shows what it
    would change before it does. Run it as the user of Moonraker, without sudo.
    """
    from .install.installer import install as perform

    _end(perform, given)


@click.command()
@_options(UNINSTALL_FLAGS)
def uninstall(**given: Any) -> None:
    """Take back everything that was installed.

    Every file of Moonraker and Klipper is what it was before. Configuration, videos
    and the cameras' identity stay, unless --purge is said.
    """
    from .install.uninstaller import uninstall as perform

    _end(perform, given)


def _end(perform: Callable[[Options], int], given: dict[str, Any]) -> None:
    values: dict[str, Any] = {
        name: value.expanduser() if isinstance(value, Path) else value
        for name, value in given.items()
    }
    try:
        sys.exit(perform(Options(**values)))
    except (InstallError, OSError) as error:
        fail(str(error))
