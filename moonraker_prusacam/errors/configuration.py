# Mistakes in prusacam.conf.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each is located as well as it can be, and all of a file are told at once."""

from __future__ import annotations

from .base import PrusacamError


class ConfigError(PrusacamError, ValueError):
    """One mistake in the configuration, located as well as it can be."""

    def __init__(
        self,
        message: str,
        *,
        section: str | None = None,
        option: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.section = section
        self.option = option
        self.line = line

    def __str__(self) -> str:
        place = [] if self.line is None else [f"line {self.line}"]
        if self.section is not None:
            option = "" if self.option is None else f" {self.option}"
            place.append(f"[{self.section}]{option}")
        return f"{', '.join(place)}: {self.message}" if place else self.message


class ConfigErrors(PrusacamError, ValueError):
    """All mistakes of one configuration file, in the order of its lines."""

    def __init__(self, path: str, errors: tuple[ConfigError, ...]) -> None:
        count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
        super().__init__(f"{path}: {count}: " + "; ".join(map(str, errors)))
        self.path = path
        self.errors = errors
