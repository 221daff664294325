# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long an audit log is kept, by what an operator says and what compliance profiles ask for. Touches nothing."""

from __future__ import annotations

from dataclasses import dataclass

from .._common.errors import InputError
from .profile import Profile


@dataclass(frozen=True)
class Term:
    """Days after which segments are deleted.

    :param days: when every sink has them; 0 for never.
    :param at_most: whether a sink has them or not; 0 for never.
    """

    days: int = 0
    at_most: int = 0


def term(profile: Profile | None, days: int, where: str) -> Term:
    """How long a log is kept: as long as is asked for, no shorter than a profile demands and no longer than it lets it.

    :param days: what is asked for; 0 for what the profile demands.
    :param where: the option that says so.
    :raises InputError: a profile demands more.
    """
    if profile is None:
        return Term(days)
    least = max(profile.retention_days, profile.at_hand_days)
    if 0 < days < least:
        raise InputError(
            f"it is {days}, and {profile.name} keeps the audit log for {least} days",
            where=where,
            remedy=f"use {least} or more, or leave it out",
        )
    wanted = days or least or profile.at_most_days
    return Term(min(wanted, profile.at_most_days or wanted), profile.at_most_days)
