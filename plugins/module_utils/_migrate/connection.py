# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which every module that migrates reaches the database. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .session import Access

CONNECTION: dict[str, Any] = {
    "dsn": {"type": "str", "default": "", "no_log": True},
    "role": {"type": "str", "default": ""},
    "connect_timeout": {"type": "int", "default": 10},
    "session_pooler": {"type": "bool", "default": False},
}


def access_of(params: Mapping[str, Any]) -> Access:
    """How the parameters of a module reach the database."""
    return Access(params["dsn"], params["role"], params["connect_timeout"])
