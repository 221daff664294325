# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``placeholder_audit``: nothing is left in the configuration that somebody was to fill in. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .configuration import configuration
from .files import Text
from .model import Finding, Looked, Scene

PATTERNS = (
    r"\b(?:CHANGE[_-]?ME|REPLACE[_-]?ME|FIXME|TODO|TBD|XXX+)\b",
    r"<[A-Z][A-Z0-9_-]{2,}>|<(?:your|insert|add|the)[ _-][^<>\n]{1,40}>",
    r"\{\{[^{}\n]*\}\}",
    r"\b(?:[a-z0-9-]+\.)*example\.(?:com|org|net)\b",
)


def look(scene: Scene) -> Looked:
    """Look for each pattern, the operator's own among them."""
    patterns = [re.compile(pattern, re.IGNORECASE if "example" in pattern else 0) for pattern in PATTERNS]
    patterns += [re.compile(pattern) for pattern in scene.options["placeholders"]]
    files = configuration(scene.files)
    if not files:
        return Looked(skipped="there is no file of configuration")
    return Looked([finding for text in files for finding in _findings(text, patterns)])


def _findings(text: Text, patterns: list[re.Pattern[str]]) -> Iterator[Finding]:
    for pattern in patterns:
        for found in pattern.finditer(text.content):
            yield Finding(text.place(found.start()), f"the placeholder {found[0][:40]} is left", "fill it in")
