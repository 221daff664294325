# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every rule is made of: what it may look at, how it is listed, and forms that subjects share. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..._common.errors import InputError

APP = re.compile(r"[a-z][a-z0-9-]{0,30}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+~-]{0,63}")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
IN_BATCHES = ("rolling", "simple")
ROLLBACK_WORDS = ("previous", "latest_good")
A_DAY = 86400
LONGEST_PAUSE = 7 * A_DAY
LONGEST_PARK = 6 * A_DAY
BALANCER_PORTS = ("slipway_agent_port", "slipway_status_port", "slipway_balancer_port", "slipway_preview_port")


class Context(NamedTuple):
    """What rules may look at besides the variables.

    :param check_mode: nothing is done with what is asked for.
    """

    verb: str
    groups: Mapping[str, list[str]]
    raw: Mapping[str, Any]
    base: Path
    check_mode: bool = False


class Rule(NamedTuple):
    """A rule, and the variables that must have been readable for it to be judged."""

    reads: tuple[str, ...]
    judge: Callable[[dict[str, Any], Context], Iterator[InputError]]


def problem(what: str, where: str, remedy: str) -> InputError:
    """An error about a variable."""
    return InputError(what, where=where, remedy=remedy)
