# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of tests that were made elsewhere with one artifact. Reads a file, or asks a URL."""

from __future__ import annotations

from .._common.address import shown
from .model import PASS, Finding, Looked, Scene
from .remote import fetched
from .reports import NotUnderstood, from_json, read


def tested(scene: Scene, source: str, tests: str, again: str) -> Looked:
    """Compare the artifact's digest with that of the evidence, which is JSON with ``sha256`` and ``verdict``.

    :param tests: what they are called.
    :param again: remedy where there is no good evidence.
    """
    place = shown(source)
    if not scene.sha256:
        return Looked([Finding(place, "the digest of the artifact is not known", "set slipway_artifact_sha256")])
    try:
        evidence = from_json(fetched(source) if "://" in source else read(source))
    except NotUnderstood as exc:
        return Looked([Finding(place, f"the evidence cannot be read: {exc}", again)])
    said = evidence if isinstance(evidence, dict) else {}
    if str(said.get("sha256", "")).lower() != scene.sha256.lower():
        return Looked([Finding(place, "the evidence is about another artifact", again)])
    if said.get("verdict") != PASS:
        return Looked([Finding(place, f"the {tests} have not passed", "see why")])
    return Looked()
