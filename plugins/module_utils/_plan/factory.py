# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of rollouts. Touches nothing."""

from __future__ import annotations

from .._common.errors import InputError
from .blue_green import BlueGreen
from .canary import Canary
from .rolling import Rolling, Simple
from .rollout import Rollout

ROLLOUTS: dict[str, type[Rollout]] = {
    "blue_green": BlueGreen,
    "canary": Canary,
    "rolling": Rolling,
    "simple": Simple,
}


def rollout(name: str) -> Rollout:
    """The rollout called ``name``.

    :raises InputError: there is none of that name.
    """
    try:
        return ROLLOUTS[name]()
    except KeyError:
        raise InputError(
            f"there is no rollout {name!r}", where="slipway_rollout", remedy=f"use one of {', '.join(ROLLOUTS)}"
        ) from None
