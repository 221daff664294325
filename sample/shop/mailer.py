# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker ``mailer``: ``python3 -m shop.mailer``."""

from __future__ import annotations

from .consumer import consume
from .settings import own_settings

if __name__ == "__main__":
    consume("mailer", own_settings())
