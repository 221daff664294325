# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several profiles as one, by taking the strictest of each demand. Touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from .._common.errors import InputError
from .profile import ENFORCEMENTS, METHODS, VARIABLE, Profile


def combine(profiles: Sequence[Profile]) -> Profile:
    """One profile that meets all demands; their order changes nothing but that of names.

    Where one keeps the audit log longer than another lets it, the longer period holds and a note says so: a period that
    a law demands ends what a policy would delete.

    :raises InputError: nobody could deploy.
    """
    kept = max(profile.retention_days for profile in profiles)
    at_hand = max(profile.at_hand_days for profile in profiles)
    most = [profile.at_most_days for profile in profiles if profile.at_most_days]
    demanded = max(kept, at_hand)
    return Profile(
        name=" + ".join(profile.name for profile in profiles),
        title=" + ".join(profile.title for profile in profiles),
        enforcement=max((profile.enforcement for profile in profiles), key=ENFORCEMENTS.index),
        retention_days=kept,
        at_hand_days=at_hand,
        at_most_days=max(min(most), demanded) if most else 0,
        gates=_union(profiles, lambda profile: profile.gates),
        redact=_union(profiles, lambda profile: profile.redact),
        redaction=max((profile.redaction for profile in profiles), key=METHODS.index),
        change_request=_union(profiles, lambda profile: profile.change_request),
        approving=_union(profiles, lambda profile: profile.approving),
        ddl=_union(profiles, lambda profile: profile.ddl),
        approval_max_age=min(profile.approval_max_age for profile in profiles),
        separate=_union(profiles, lambda profile: profile.separate),
        deployers=_deployers(profiles),
        region_required=any(profile.region_required for profile in profiles),
        root_cause_hours=min((hours for profile in profiles if (hours := profile.root_cause_hours)), default=0),
        notes=tuple(_notes(profiles, demanded)),
    )


def _notes(profiles: Sequence[Profile], demanded: int) -> list[str]:
    said = [note for profile in profiles for note in profile.notes]
    asking = ", ".join(
        profile.name for profile in profiles if max(profile.retention_days, profile.at_hand_days) == demanded
    )
    return said + [
        f"{profile.name} would delete the audit log after {profile.at_most_days} days; it is kept for {demanded}, "
        f"which {asking} demands"
        for profile in profiles
        if 0 < profile.at_most_days < demanded
    ]


def _deployers(profiles: Sequence[Profile]) -> tuple[str, ...]:
    """Groups that every profile lets deploy which names any."""
    named = [profile.deployers for profile in profiles if profile.deployers]
    if not named:
        return ()
    both = reduce(lambda first, second: tuple(group for group in first if group in second), named)
    if not both:
        names = " and ".join(profile.name for profile in profiles if profile.deployers)
        raise InputError(
            f"{names} have no group in common that may deploy", where=VARIABLE, remedy="correct one of these profiles"
        )
    return both


def _union(profiles: Sequence[Profile], of: Callable[[Profile], tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for profile in profiles for item in of(profile)))
