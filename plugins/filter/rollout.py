# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the rollouts; they touch nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._checks.measured import measured
from ansible_collections.slipway.release.plugins.module_utils._checks.metrics import pre_metrics, step_metrics
from ansible_collections.slipway.release.plugins.module_utils._checks.watch import hold_option, watch_option
from ansible_collections.slipway.release.plugins.module_utils._evidence import profile
from ansible_collections.slipway.release.plugins.module_utils._hooks.facts import hook_facts
from ansible_collections.slipway.release.plugins.module_utils._plan.flags import flags_back, flags_by_host, turned_back
from ansible_collections.slipway.release.plugins.module_utils._plan.slices import watch_slices
from ansible_collections.slipway.release.plugins.module_utils._plan.undo import way_back


class FilterModule:
    """Names under which playbooks find the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter name to function."""
        return {
            "flags_back": flags_back,
            "flags_by_host": flags_by_host,
            "flags_turned_back": turned_back,
            "hold_option": hold_option,
            "hook_facts": hook_facts,
            "measured": measured,
            "pre_metrics": pre_metrics,
            "profile": profile.profile,
            "profile_line": profile.line,
            "step_metrics": step_metrics,
            "watch_option": watch_option,
            "watch_slices": watch_slices,
            "way_back": way_back,
        }
