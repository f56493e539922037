# Tests of the options of [access].
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be meant is a mistake, above all what would open more than it seems."""

from __future__ import annotations

import pytest

from moonraker_prusacam.access_options import AccessConfig, host_names, origins
from moonraker_prusacam.config import loads
from moonraker_prusacam.errors import ConfigErrors
from moonraker_prusacam.networks import networks

CAMERA = "[camera front]\nsource: tcp://h:1\n"
MISTAKES = {
    "networks without tokens": (
        "trusted_networks: private",
        "line 4, [access] trusted_networks: does nothing without 'require_token: True'",
    ),
    "everybody behind nginx": (
        "require_token: True\ntrusted_networks: private, loopback",
        "line 5, [access] trusted_networks: holds this host's own address",
    ),
    "everybody": (
        "require_token: True\ntrusted_networks: 0.0.0.0/0",
        "holds this host's own address",
    ),
    "a name": ("require_token: True\ntrusted_networks: printer.local", "neither an IP"),
    "bits": ("trusted_proxies: 10.0.0.1/8", "that is 10.0.0.0/8"),
    "empty networks": ("trusted_proxies:", "is empty; 'none' means nobody"),
    "no origin": ("cors_origins: mainsail.local", "is no origin, such as"),
    "origin with a path": ("cors_origins: http://a/b", "is no origin"),
    "origin with a slash": ("cors_origins: http://a/", "without a slash at its end"),
    "origin and all": ("cors_origins: *, http://a", "'*' is every origin"),
    "null": ("cors_origins: null", "is no origin"),
    "host with a port": ("hosts: printer.example.org:80", "without a port"),
    "host with a star": ("hosts: *.example.org", "is not the name of a host"),
    "misspelt": ("require_tokens: True", "did you mean 'require_token'?"),
    "neither": ("require_token: maybe", "neither True nor False"),
}


@pytest.mark.parametrize(("text", "told"), MISTAKES.values(), ids=MISTAKES)
def test_access_when_mistaken_then_told(text: str, told: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loads(f"{CAMERA}[access]\n{text}\n")
    (mistake,) = caught.value.errors
    assert told in str(mistake)


def test_access_when_absent_or_empty_then_everybody_sees_everything() -> None:
    for text in ("", "[access]\n", "[access]\ncors_origins: *\n"):
        access = loads(CAMERA + text).access
        assert access.is_open
        assert not access.require_token


def test_access_when_complete_then_every_option_is_read() -> None:
    access = loads(
        f"{CAMERA}[access]\nrequire_token: yes\n"
        "trusted_networks: private\n  127.0.0.0/8, ::1\ntrusted_proxies: loopback\n"
        "cors_origins: http://mainsail.local https://A.example:8443\n"
        "hosts: Printer.example.org\n"
    ).access
    assert access == AccessConfig(
        require_token=True,
        trusted_networks=networks("private loopback"),
        trusted_proxies=networks("loopback"),
        cors_origins=("http://mainsail.local", "https://a.example:8443"),
        hosts=("printer.example.org",),
    )
    assert not access.is_open


def test_names_when_none_then_nothing() -> None:
    assert origins("none") == ()
    assert origins("*") == ("*",)
    assert host_names("None") == ()
    assert not AccessConfig(cors_origins=()).is_open
