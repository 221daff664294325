# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs lb_structure, with what the controller knows for the audit log. Touches nothing here."""

from __future__ import annotations

from ansible_collections.slipway.release.plugins.plugin_utils.audited import AuditedModule


class ActionModule(AuditedModule):
    """Runs on the host that it acts on."""
