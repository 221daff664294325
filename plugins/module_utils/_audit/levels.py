# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of an event is recorded. Touches nothing."""

from __future__ import annotations

FULL, METADATA = "full", "metadata"
LEVELS = (FULL, METADATA)
