# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled job ``report``: ``python3 -m shop.report`` runs once and exits."""

from __future__ import annotations

from .consumer import run_once
from .settings import own_settings

if __name__ == "__main__":
    run_once("report", own_settings())
