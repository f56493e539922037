# Moonraker component [timelapse], served by prusacam.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linked as ``moonraker/components/timelapse.py``, where [timelapse] is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moonraker.confighelper import ConfigHelper


def load_component(config: ConfigHelper) -> Any:
    """Moonraker's entry point for the section ``[timelapse]``."""
    try:
        prusacam = config.get_server().load_component(config, "prusacam")
    except ImportError as error:
        # Moonraker would try to install what an ImportError names.
        raise config.error(f"[timelapse] needs prusacam: {error}") from None
    return prusacam.timelapse_facade(config)
