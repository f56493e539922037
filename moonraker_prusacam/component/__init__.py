# Moonraker component [prusacam].
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins Moonraker to the camera engine, which runs in a process of its own.

This package is linked as ``moonraker/components/prusacam`` and runs in Moonraker's
interpreter: it needs nothing but the standard library and Moonraker itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .component import PrusacamComponent

if TYPE_CHECKING:
    from moonraker.confighelper import ConfigHelper

__all__ = ["load_component"]


def load_component(config: ConfigHelper) -> PrusacamComponent:
    """Moonraker's entry point for the section ``[prusacam]``."""
    return PrusacamComponent(config)
