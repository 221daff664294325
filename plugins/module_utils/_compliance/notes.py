# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the root cause of what was undone must be told. Touches nothing."""

from __future__ import annotations

from .._ledger.history import NOTE_HOURS
from .profile import Profile


def note_hours(profile: Profile | None) -> int:
    """Hours after which it is overdue; those of the collection where no profile names any."""
    return (profile.root_cause_hours if profile else 0) or NOTE_HOURS
