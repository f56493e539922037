# The scene in front of the synthetic camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A printer at work, drawn: ``Scene`` makes pictures of a ``Pose``."""

from __future__ import annotations

from .caption import Pose
from .picture import Scene
from .vase import vase_outline

__all__ = ["Pose", "Scene", "vase_outline"]
