# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``secrets``: no credential lies in the release. A value that is found is said nowhere. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .files import Text
from .model import Finding, Looked, Scene

KINDS = {
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b",
    "a token of Slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a webhook of Slack": r"hooks\.slack\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]+",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "a password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"<>]*:(?!\$|\{|<|%[({])[^\s/@'\"<>]{3,}@[\w.\[-]",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}


def look(scene: Scene) -> Looked:
    """Look for each kind in every text."""
    if not scene.files:
        return Looked(skipped="there is no release on the controller")
    return Looked([finding for text in scene.files for finding in _findings(text)])


def _findings(text: Text) -> Iterator[Finding]:
    for kind, pattern in _PATTERNS.items():
        for found in pattern.finditer(text.content):
            yield Finding(text.place(found.start()), f"{kind} lies there", "revoke it, and take it out of the release")
