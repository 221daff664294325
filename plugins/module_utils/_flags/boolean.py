# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of flags in stores of variables: ``<PREFIX>_FF_<NAME>`` with 0 or 1. Touches nothing."""

from __future__ import annotations

import re

from .._common.errors import InputError

RESTART = "running applications read this store when they start; restart them"
ON_OFF = {True: "1", False: "0"}


def variable(prefix: str, name: str) -> str:
    """The name of a flag's variable."""
    return f"{prefix}_FF_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"


def flag_of(prefix: str, found: str) -> str | None:
    """The name of the flag that a variable is for; ``None`` when it is for none."""
    start = f"{prefix}_FF_"
    return found[len(start) :].lower() if found.startswith(start) and len(found) > len(start) else None


def require_prefix(prefix: str, where: str) -> str:
    """A prefix that names of variables can have.

    :raises InputError: it is none.
    """
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", prefix):
        what = f"{prefix!r} is no prefix of variables" if prefix else "it is missing"
        raise InputError(what, where=where, remedy="use upper-case letters, digits and '_', such as SHOP")
    return prefix
