# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are configuration, by their names. Touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from .files import Text

SUFFIXES = (".json", ".yml", ".yaml", ".toml", ".ini", ".env", ".conf", ".cfg", ".properties")


def configuration(files: Sequence[Text]) -> list[Text]:
    """The files that configure something."""
    return [
        text
        for text in files
        if PurePosixPath(text.name).suffix.lower() in SUFFIXES or PurePosixPath(text.name).name.startswith(".env")
    ]
