# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this computer allows all of its machines together. Opens inotify instances for a moment; touches nothing."""

from __future__ import annotations

import ctypes
import os

from .errors import LabError

INOTIFY_PER_MACHINE = 5


def require_inotify(machines: int) -> None:
    """Refuse to boot this many machines when their systemds could not watch files and would hang without a word.

    :raises LabError: root may not have as many inotify instances more.
    """
    wanted = machines * INOTIFY_PER_MACHINE
    found = spare_inotify_instances(wanted)
    if found < wanted:
        raise LabError(
            f"this computer allows {found} more inotify instances, and {machines} machines need {wanted}",
            "take other labs down, or: sysctl -w fs.inotify.max_user_instances=1024",
        )


def spare_inotify_instances(wanted: int) -> int:
    """How many more of them this user may have, counted up to ``wanted``."""
    library = ctypes.CDLL(None, use_errno=True)
    opened: list[int] = []
    try:
        while len(opened) < wanted:
            instance = library.inotify_init1(os.O_CLOEXEC)
            if instance < 0:
                break
            opened.append(instance)
        return len(opened)
    finally:
        for instance in opened:
            os.close(instance)
