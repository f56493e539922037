# The options of [access].
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see the cameras over the network, and what the file may say about it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import attrs

from .networks import Networks, networks
from .option import boolean, option

MAX_NAMES = 64
SEPARATORS = re.compile(r"[\s,]+")
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]+)*")
ANY_ORIGIN = "*"
LOOPBACK = networks("loopback")


def origins(value: str) -> tuple[str, ...]:
    """``*``, ``none``, or origins such as ``http://mainsail.local``."""
    found = []
    for word in _words(value):
        parts = urlsplit(word)
        is_origin = parts.scheme in ("http", "https") and parts.netloc
        if word != ANY_ORIGIN and (
            not is_origin or word.lower() != f"{parts.scheme}://{parts.netloc}".lower()
        ):
            raise ValueError(
                f"{word!r} is no origin, such as http://mainsail.local:8080 (without "
                "a slash at its end), and neither '*' nor 'none'"
            )
        found.append(word.lower())
    if ANY_ORIGIN in found and len(found) > 1:
        raise ValueError("'*' is every origin, so it stands alone")
    return tuple(found)


def host_names(value: str) -> tuple[str, ...]:
    """Names of hosts, without ports."""
    found = [word.lower() for word in _words(value)]
    for name in found:
        if not HOST.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a host, without a port")
    return tuple(found)


@attrs.frozen
class AccessConfig:
    """``[access]``: who may see what the engine serves over HTTP."""

    require_token: bool = option(
        boolean,
        "Whoever is not in `trusted_networks` needs a viewing token",
        default=False,
    )
    trusted_networks: Networks = option(
        networks,
        "Networks and addresses that need no token, and `private`",
        default=Networks(),
    )
    trusted_proxies: Networks = option(
        networks,
        "Reverse proxies that tell the true address of a client, such as `loopback`",
        default=Networks(),
    )
    cors_origins: tuple[str, ...] | None = option(
        origins,
        "Origins of web pages whose scripts may read pictures: `*`, `none`, or a list",
        default=None,
    )
    hosts: tuple[str, ...] = option(
        host_names, "Further names by which browsers call this host", default=()
    )

    @property
    def is_open(self) -> bool:
        """Whether everybody may see everything, from every page."""
        return not self.require_token and self.cors_origins in (None, (ANY_ORIGIN,))


def mistake(config: AccessConfig) -> tuple[str, str] | None:
    """What cannot be meant, and the option where it stands."""
    if not config.trusted_networks:
        return None
    if not config.require_token:
        text = "does nothing without 'require_token: True': nobody needs a token"
        return text, "trusted_networks"
    unseen = not config.trusted_proxies.overlaps(LOOPBACK)
    if unseen and config.trusted_networks.overlaps(LOOPBACK):
        text = (
            "holds this host's own address, and so everybody who comes through its web "
            "server; have that one tell who asks ('prusacam nginx'), and write "
            "'trusted_proxies: loopback'"
        )
        return text, "trusted_networks"
    return None


def _words(value: str) -> list[str]:
    words = [word for word in SEPARATORS.split(value) if word]
    if not words:
        raise ValueError("is empty; 'none' means nobody")
    if len(words) > MAX_NAMES:
        raise ValueError(f"has more than {MAX_NAMES} entries")
    return [] if [word.lower() for word in words] == ["none"] else words
