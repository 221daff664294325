# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``migrations_done``: every migration that adds is applied, and none is half done. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Finding, Looked, Scene

_LATER = "contract"


def look(scene: Scene) -> Looked:
    """Look at where each schema stands. What contracts is no part of a deployment."""
    database = scene.deployed.database
    if not database:
        return Looked(skipped="no database was read")
    if "schemas" not in database:
        what = f"it could not be read: {database.get('error', 'it did not answer')}"
        return Looked([Finding("slipway_migrations", what, "correct that")])
    return Looked([finding for schema in database["schemas"] for finding in _findings(schema)])


def _findings(schema: Mapping[str, Any]) -> Iterator[Finding]:
    for row in schema["migrations"]:
        place, state = f"{schema['schema']}: {row['file']}", row["state"]
        if state == "failed":
            yield Finding(place, "it has failed, or has begun and not ended", "run migrate.yml")
        elif state == "pending" and row["phase"] != _LATER:
            yield Finding(place, "it is not applied", "run migrate.yml")
        elif state in ("drifted", "missing"):
            yield Finding(place, f"it was applied, and its file is {state}", "restore the file", fails=False)
