# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``acceptance``: evidence says that users have accepted this very artifact. Reads a file, or asks a URL."""

from __future__ import annotations

from .model import Looked, Scene
from .tested import tested


def look(scene: Scene) -> Looked:
    """Read the evidence."""
    source = scene.options["after"]["acceptance"]
    if not source:
        return Looked(skipped="slipway_checklist.after.acceptance names no evidence")
    return tested(scene, source, "acceptance tests", "have users accept this artifact")
