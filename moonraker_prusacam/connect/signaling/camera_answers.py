# What a camera of ours answers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Features and lists of files as Prusa's cameras tell them.

Prusa Connect shows a control for every feature that a camera claims, so none is
claimed that does not work here. Names of the features, digest and pages: as a camera's
firmware and captures of the service have them. That pages count from 1 is assumed.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from .camera_actions import Ability
from .messages import Features

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .messages import TimelapseFile

PROTOCOL = "4.4"
MAX_PAGE_BYTES = 1024
HEAD_BYTES = len("9999;9999\n")
MAX_FILES = 5000


ALWAYS = ("SocketCom", "FwVer", "HwVer")


def features(
    abilities: Collection[Ability], *, firmware: str, hardware: str
) -> Features:
    """What a camera with these ``abilities`` says that it can do."""
    names = [*ALWAYS, *(str(each) for each in Ability if each in abilities)]
    text = json.dumps(names, separators=(",", ":"))
    return Features(
        sd_card=Ability.TIMELAPSE in abilities,
        names_json=text,
        names_md5=hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        firmware=firmware,
        hardware=hardware,
        protocol=PROTOCOL,
    )


def pages(files: Iterable[TimelapseFile]) -> list[str]:
    """The texts of the pages of a list; none without files.

    A name that does not fit into a row is left out.
    """
    bodies: list[str] = []
    body, size_bytes = "", HEAD_BYTES
    for _, file in zip(range(MAX_FILES), files, strict=False):
        row = f"{file.name};{file.state}\n"
        row_bytes = len(row.encode(errors="replace"))
        if not file.name.isprintable() or HEAD_BYTES + row_bytes > MAX_PAGE_BYTES:
            continue
        if size_bytes + row_bytes > MAX_PAGE_BYTES:
            bodies.append(body)
            body, size_bytes = "", HEAD_BYTES
        body += row
        size_bytes += row_bytes
    if body:
        bodies.append(body)
    return [f"{number};{len(bodies)}\n{body}" for number, body in enumerate(bodies, 1)]
