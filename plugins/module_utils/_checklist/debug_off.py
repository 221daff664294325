# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``debug_off``: no configuration, and no variable of the environment, turns debugging on. Touches nothing."""

from __future__ import annotations

import re

from .configuration import configuration
from .model import Finding, Looked, Scene

_ON = re.compile(
    r"""^\s*(?:export\s+)?["']?[\w.-]*\bdebug["']?\s*[:=]\s*["']?(?:true|on|yes|1)\b"""
    r"""|^\s*(?:export\s+)?["']?[\w.-]*_debug["']?\s*[:=]\s*["']?(?:true|on|yes|1)\b"""
    r"""|^\s*(?:export\s+)?["']?[\w.-]*log[_.-]?level["']?\s*[:=]\s*["']?(?:debug|trace)\b""",
    re.IGNORECASE | re.MULTILINE,
)
_VALUE = re.compile(r"true|on|yes|1", re.IGNORECASE)
_NAME = re.compile(r"(?:^|_)debug$", re.IGNORECASE)
_REMEDY = "turn it off where users are served"


def look(scene: Scene) -> Looked:
    """Look at files and at ``slipway_config``."""
    files, variables = configuration(scene.files), scene.variables.get("slipway_config") or {}
    if not files and not variables:
        return Looked(skipped="there is no file of configuration")
    findings = [
        Finding(text.place(found.end() - 1), "debugging is on", _REMEDY)
        for text in files
        for found in _ON.finditer(text.content)
    ]
    findings += [
        Finding(f"slipway_config.{name}", "debugging is on", _REMEDY)
        for name, value in variables.items()
        if _NAME.search(str(name)) and _VALUE.fullmatch(str(value))
    ]
    return Looked(findings)
