# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which verbs lead back to what was there, and which bring nothing new. Touches nothing.

Nothing may keep anybody from going back that the way back does not need itself.
"""

from __future__ import annotations

BACKWARDS = ("rollback", "abort")
# Nothing about what a release needs stands in the way of these either.
WITHOUT_A_RELEASE = (*BACKWARDS, "approve", "release_lease", "root_cause")
# What change control lets pass whatever it finds.
ALWAYS_ALLOWED = (*BACKWARDS, "kill_switch")
# The stage that says in the ledger that a deployment goes back.
UNDO = "undo"
