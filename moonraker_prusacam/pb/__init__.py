# Messages of the Prusa camera protocol, generated from proto/ by `make proto`.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated; only the codec in ``connect/signaling`` imports from here."""
