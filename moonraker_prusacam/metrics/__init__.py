# The engine's status as metrics for Prometheus.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that ``/status.json`` shows, in base units and with labels."""

from __future__ import annotations

from .exposition import Leaf as Leaf
from .exposition import expose as expose
from .exposition import leaves as leaves
