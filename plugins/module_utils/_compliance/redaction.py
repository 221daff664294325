# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What compliance profiles hide in an audit log, as paths of its fields. Reads files of the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .load import known, load
from .profile import Profile


@dataclass(frozen=True)
class Redaction:
    """Paths of fields, wherever in an event they stand.

    :param mask: of what is masked.
    :param hashed: of what an HMAC is kept of.
    """

    mask: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()


def redaction_of(names: Sequence[str], *, has_key: bool) -> Redaction:
    """What these profiles hide; an HMAC that has no key is a mask.

    :raises InputError: one of them is none.
    """
    profile = load(names)
    return _of(profile, has_key) if profile else Redaction()


def redaction_of_all() -> Redaction:
    """What any profile of the collection hides, masked: for what must go on where it cannot be told which ones hold."""
    return redaction_of(known(), has_key=False)


def _of(profile: Profile, has_key: bool) -> Redaction:
    paths = tuple(f"**.{name}" for name in profile.redact)
    return Redaction(hashed=paths) if profile.redaction == "hmac" and has_key else Redaction(mask=paths)
