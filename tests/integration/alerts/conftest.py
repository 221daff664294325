# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alerts are tested where promtool is, as in a lab machine."""

from __future__ import annotations

import shutil

collect_ignore = [] if shutil.which("promtool") else ["test_promtool.py"]
