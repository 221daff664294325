# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the collection and the programs of this repository importable, however pytest was started."""

from __future__ import annotations

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent

for directory in (TOP, TOP / ".cache" / "collections"):
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
