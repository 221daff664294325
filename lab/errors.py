# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error the lab raises: what is wrong and what to do about it. Touches nothing."""

from __future__ import annotations


class LabError(Exception):
    """Something the person at the keyboard can put right.

    :param what: what is wrong, one sentence.
    :param remedy: what to do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what.rstrip('.')}. Remedy: {remedy.rstrip('.')}.")
