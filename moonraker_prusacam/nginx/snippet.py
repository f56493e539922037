# Snippets of nginx's configuration.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills in the two templates beside this file.

Mainsail's and Fluidd's own configuration forwards ``/webcam2/`` to port 8081,
unbuffered, and says nothing of who asks. These are for other places, and for
``[access]``.
"""

from __future__ import annotations

import re
import string
import textwrap
from importlib import resources
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.addresses import own_url
from moonraker_prusacam.config import NGINX_PATHS

if TYPE_CHECKING:
    from moonraker_prusacam.config import EngineConfig

OTHER_PATH = "/prusacam/"
PATH = re.compile(r"/(?:[A-Za-z0-9_.~-]+/)*")
LISTEN = re.compile(r"(?:(?:[0-9.]+|\[[0-9A-Fa-f:.]+\]):)?[0-9]{1,5}|unix:/[\w./-]+")
# Where a server that listens everywhere is found on its own host.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing is bound


class _Template(string.Template):
    """nginx's own variables begin with the usual dollar."""

    delimiter = "@"


def usual_path(engine: EngineConfig) -> str:
    """The path that stock configurations forward to the engine's port, or another."""
    return NGINX_PATHS.get(engine.port, OTHER_PATH)


def location(engine: EngineConfig, path: str) -> str:
    """A ``location`` for ``path``; ValueError for what is no path with slashes."""
    if not PATH.fullmatch(path):
        raise ValueError(f"{path!r} is not a path such as /cameras/, with both slashes")
    host = ANYWHERE.get(engine.host, engine.host)
    url = own_url(attrs.evolve(engine, host=host), engine.port)
    return _template("location").substitute(path=path, engine=url)


def server(engine: EngineConfig, listen: str) -> str:
    """A ``server`` that shows the engine alone; ValueError for no place to listen."""
    if not LISTEN.fullmatch(listen):
        raise ValueError(f"{listen!r} is neither a port nor ADDRESS:PORT")
    # Without its heading, which would be the second.
    inner = location(engine, "/").partition("\nlocation ")
    indented = textwrap.indent("".join(inner[1:]).strip(), " " * 4)
    return _template("server").substitute(listen=listen, location=indented)


def _template(name: str) -> _Template:
    file = resources.files(__package__).joinpath(f"{name}.conf")
    return _Template(file.read_text("utf-8"))
