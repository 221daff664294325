# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of ``migrate.yml``; they touch nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._plan.schema import slots_in_the_way


class FilterModule:
    """Names under which playbooks find the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter name to function."""
        return {"slots_in_the_way": slots_in_the_way}
