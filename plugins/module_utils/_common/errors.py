# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed errors that carry what an operator needs: what happened, where, and the remedy.

Touches nothing. Only the modules' ``main()`` turns these into ``fail_json``.
"""

from __future__ import annotations

from typing import Any


class SlipwayError(Exception):
    """An error an operator can act on.

    :param what: what is wrong, one sentence without the remedy.
    :param where: the host, path, variable or address concerned.
    :param remedy: what the operator does about it.
    """

    kind = "error"

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def message(self) -> str:
        """One line: where, what and remedy."""
        return f"{self.where}: {self.what.rstrip('.')}. Remedy: {self.remedy.rstrip('.')}."

    def as_result(self) -> dict[str, Any]:
        """Keyword arguments for ``AnsibleModule.fail_json``."""
        return {
            "msg": self.message(),
            "error": {"kind": self.kind, "what": self.what, "where": self.where, "remedy": self.remedy},
        }


class InputError(SlipwayError):
    """A variable or option has a value that cannot be accepted; nothing was touched."""

    kind = "input"


class StaleTokenError(SlipwayError):
    """A newer deployment has acted on this host; this one must not."""

    kind = "stale_token"


class StateError(SlipwayError):
    """Recorded or live state contradicts what was asked for."""

    kind = "state"


class LeaseError(SlipwayError):
    """Another deployment holds the lease."""

    kind = "lease"


class SystemFailure(SlipwayError):
    """A program or file of the host did not do what it must."""

    kind = "system"
