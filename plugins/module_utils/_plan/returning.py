# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back of one region, from what a run has deployed there to what was active before, and to nothing else.

Touches nothing. The watch, or another run, may have been there in between: what they made active is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._inputs.validate import Inputs
from .fleet import read_fleet
from .planner import active_in


def inputs_of(inputs: Inputs, returns: Mapping[str, Any]) -> Inputs:
    """The inputs of a rollback to what was active before, whichever revision is the previous one by now.

    :param returns: the revisions that the region had, ``before``, and got, ``deployed``.
    """
    return replace(inputs, rollback_to=returns["before"]["revision"])


def replaced_by(inputs: Inputs, live: Mapping[str, Any], returns: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is active instead of what the run has deployed; nothing where any balancer still leads to that.

    :param live: host name to what ``host_info`` returned there, or ``{"unreachable": true}``.
    :raises SlipwayError: a host cannot be reached or read.
    """
    fleet = read_fleet(inputs, live)
    found = [active_in(fleet, balancer.stable) for balancer in fleet.balancers]
    others = [active for active in found if active and active["revision"] != returns["deployed"]["revision"]]
    return others[0] if len(others) == len(found) else None
