# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence of a deployment's flags on the host that sets them: a run that a later one has replaced sets none there.

Makes a directory for the application, and for each of its ledgers, since the tokens of two have nothing to do with
each other. A store that several hosts set flags in is fenced on each of them.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from .._common.errors import InputError, SystemFailure
from .._common.fence import Fence
from .._inputs.rules.base import APP

DIRECTORY = Path("/var/lib/slipway/flags")
OF_A_USER = ".slipway/flags"


def fence_of(app: str, ledger: str, token: int, *, make: bool) -> Fence | None:
    """The fence; ``None`` without a token, as of a kill switch, which nothing keeps from acting.

    :param ledger: UUID of the one that has issued the token.
    :param make: whether its directory is made.
    :raises InputError: a name cannot be part of a path.
    :raises SystemFailure: this account has no place for it.
    """
    if not token:
        return None
    if not APP.fullmatch(app) or (ledger and not all(it.isalnum() or it == "-" for it in ledger)):
        raise InputError("a token needs the name of its application and ledger", where="token", remedy="correct them")
    try:
        top = DIRECTORY if os.geteuid() == 0 else Path(pwd.getpwuid(os.geteuid()).pw_dir) / OF_A_USER
        directory = top / app / (ledger or "unnamed")
        if make:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, KeyError) as exc:
        raise SystemFailure(
            f"this account cannot keep the highest token that this host has seen: {exc}",
            where="token",
            remedy="give it a home that it may write",
        ) from exc
    return Fence(directory, token)
