# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seam to the lint: levels by rule from the operator, findings as the modules return them. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._common.errors import InputError
from .check import ERROR, OFF, WARNING, Linter
from .statements import Statement
from .text import Section

LEVELS = (ERROR, WARNING, OFF)


def linter(levels: dict[str, Any]) -> Linter | None:
    """What makes the findings of a file.

    :param levels: error, warning or off by rule.
    :raises InputError: there is no such level.
    """
    for rule, level in levels.items():
        if level not in LEVELS:
            raise InputError(
                f"'{level}' is no level of {rule}", where="lint", remedy='write error, warning or "off", in quotes'
            )
    return None
