# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The http component: ``python3 -m shop``."""

from __future__ import annotations

import asyncio

from .server import serve
from .settings import own_settings

if __name__ == "__main__":
    asyncio.run(serve(own_settings()))
