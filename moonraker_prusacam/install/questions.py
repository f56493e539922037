# What only the user can say.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Moonraker, which camera, and the token of Prusa Connect.

What an option says is not asked, and with ``--yes`` nothing is.
"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import InstallError

from .camera_search import FEED_PORT, Found, find_cameras
from .first_config import DEFAULT_CAMERA, TEST_PICTURE, Answers
from .moonraker import find_moonrakers, of_folder

if TYPE_CHECKING:
    from pathlib import Path

    from .host import Host
    from .moonraker import Moonraker
    from .options import Options

MAX_TOKEN_BYTES = 4096


def choose_moonraker(options: Options, host: Host) -> Moonraker:
    """The instance that is meant; raises InstallError where that is not clear."""
    found = find_moonrakers(host)
    if options.data is not None:
        wanted = options.data.absolute()
        for one in found:
            if one.data_path.resolve() == wanted.resolve():
                return one
        one = of_folder(host, wanted)
        if options.no_moonraker or one.config_file.is_file():
            return one
        raise InstallError(
            f"{one.config_file} is not there: --data names the data folder of a "
            "Moonraker, such as ~/printer_data"
        )
    if options.no_moonraker:
        return found[0] if found else of_folder(host, host.home / "printer_data")
    if not found:
        raise InstallError(
            "no Moonraker was found. If there is one, name its data folder with "
            "--data; without Moonraker, install the engine alone with --no-moonraker"
        )
    if len(found) == 1:
        return found[0]
    if not host.may_ask:
        known = ", ".join(str(one.data_path) for one in found)
        raise InstallError(f"say which Moonraker with --data; there is: {known}")
    names = [f"{one.unit} ({one.data_path})" for one in found]
    return found[_choose("There is more than one Moonraker:", names)]


def ask(options: Options, host: Host, config_path: Path) -> Answers:
    """Camera and token; raises InstallError for an answer that cannot be."""
    answers = Answers(
        camera=options.name or DEFAULT_CAMERA,
        source=_source(options, host, config_path),
        token=_token(options, host),
    )
    answers.expect_sound()
    return answers


def confirm(question: str, host: Host) -> bool:
    """Whether the user agrees; who cannot be asked has agreed with --yes."""
    if not host.may_ask:
        return True
    return _input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")


def _source(options: Options, host: Host, config_path: Path) -> str:
    if options.camera is not None:
        return options.camera
    if options.feed:
        return f"tcp://127.0.0.1:{FEED_PORT}"
    found = find_cameras(host, config_path)
    if not host.may_ask:
        return found[0].source if found else TEST_PICTURE
    offered = [
        *found,
        Found("", "another one; you are asked for its address"),
        Found(TEST_PICTURE, "none for now: a test picture"),
    ]
    names = [f"{one.what}\n       {one.source}".rstrip() for one in offered]
    source = offered[_choose("Where do the pictures come from?", names)].source
    return source or _input("Its source, as in docs/cameras.md: ").strip()


def _token(options: Options, host: Host) -> bytes | None:
    if options.token_file is not None:
        try:
            with options.token_file.open("rb") as file:
                return file.read(MAX_TOKEN_BYTES).strip()
        except OSError as error:
            raise InstallError(f"{options.token_file}: {error.strerror}") from error
    if not host.may_ask:
        return None
    try:
        entered = getpass.getpass(
            "Token of the camera in Prusa Connect (nothing: without it): "
        )
    except EOFError:
        return None
    return entered.strip().encode() or None


def _choose(question: str, names: list[str]) -> int:
    print(question)
    for number, name in enumerate(names, 1):
        print(f"  {number}. {name}")
    while True:
        entered = _input("Number [1]: ").strip() or "1"
        if entered.isdecimal() and 1 <= int(entered) <= len(names):
            return int(entered) - 1
        print(f"That is no number from 1 to {len(names)}.")


def _input(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise InstallError("there is nobody to ask: say --yes") from None
