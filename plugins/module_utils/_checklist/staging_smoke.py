# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``staging_smoke``: evidence says that this very artifact has passed on staging. Reads a file, or asks a URL."""

from __future__ import annotations

from .model import Looked, Scene
from .tested import tested


def look(scene: Scene) -> Looked:
    """Read the evidence."""
    source = scene.options["staging"]
    if not source:
        return Looked(skipped="slipway_checklist.staging names no evidence")
    return tested(scene, source, "smoke tests", "run the smoke tests on staging with this artifact")
