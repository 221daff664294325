# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a lease is, in words, and what to do about it: a deployment's, or a step's of the database. Touches nothing."""

from __future__ import annotations

from typing import NamedTuple


class Whose(NamedTuple):
    """Who has a lease, or had it.

    :param purpose: what it is held for; empty for a deployment.
    """

    deployment: str
    purpose: str = ""

    def __str__(self) -> str:
        return f"migrate.yml ({self.purpose} of the database)" if self.purpose else f"deployment {self.deployment}"

    @property
    def ended_by(self) -> str:
        """What another one does to get the lease."""
        if self.purpose:
            return "wait for its end; with its controller gone, see release_lease.yml"
        return "wait for its end, or end it with abort.yml; with its controller gone, see release_lease.yml"

    @property
    def goes_on_by(self) -> str:
        """How it goes on once its lease is gone."""
        return "run migrate.yml again" if self.purpose else "run the same deployment again to resume it"
