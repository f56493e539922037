# What the commands of the command line have in common.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, exit status, and calls of a running engine.

Exit status: 0 when all went well, 1 when it did not, 2 for a mistake of the caller's
(an option, the configuration), 3 when no engine answers. An error is one line.
"""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from . import config as configuration
from .control import connect
from .control.peer import CALL_TIMEOUT_S
from .errors import (
    ConfigErrors,
    ControlError,
    EngineUnavailable,
    PrusacamError,
    RpcError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

DEFAULT_CONFIG = Path("~/printer_data/config/prusacam.conf")
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_ENGINE = 3

config_option = click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The configuration file.",
)
socket_option = click.option(
    "-s",
    "--socket",
    type=click.Path(path_type=Path),
    help="The control socket of the engine, instead of the configured one.",
)


def load(file: Path) -> configuration.Config:
    """The configuration; ends the program with all mistakes in it."""
    try:
        return configuration.load(file.expanduser())
    except ConfigErrors as errors:
        for error in errors.errors:
            click.echo(f"{errors.path}: {error}", err=True)
        sys.exit(EXIT_USAGE)


def socket_path(file: Path, socket: Path | None) -> Path:
    """Where the engine is asked."""
    return socket or load(file).engine.socket_path


async def call(
    path: Path,
    method: str,
    params: dict[str, Any] | None = None,
    *,
    timeout_s: float = CALL_TIMEOUT_S,
) -> Any:
    """The answer of the engine at ``path``; raises PrusacamError."""
    async with connect(path) as engine:
        try:
            answer = await engine.call(method, params, timeout_s=timeout_s)
        except TimeoutError:
            raise EngineUnavailable(f"the engine at {path} does not answer") from None
    if not isinstance(answer, dict):
        raise ControlError(f"what answers at {path} is no engine")
    return answer


def perform(work: Coroutine[Any, Any, Any]) -> Any:
    """Run ``work`` to its end; our errors become one line and an exit status."""
    try:
        return asyncio.run(work)
    except EngineUnavailable as error:
        fail(str(error), EXIT_NO_ENGINE)
    except RpcError as error:
        is_callers = error.http_status == HTTPStatus.BAD_REQUEST
        fail(str(error), EXIT_USAGE if is_callers else EXIT_FAILED)
    except PrusacamError as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def fail(message: str, status: int = EXIT_FAILED) -> NoReturn:
    """End the program with one line."""
    click.echo(f"prusacam: {message}", err=True)
    sys.exit(status)
