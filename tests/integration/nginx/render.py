# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the role's nginx template as Ansible does: ``render.py TEMPLATE < variables.json``.

Needs jinja2 on PYTHONPATH; prints the text and touches nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jinja2 import Environment, StrictUndefined

environment = Environment(trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined)
template = environment.from_string(Path(sys.argv[1]).read_text(encoding="utf-8"))
sys.stdout.write(template.render(json.load(sys.stdin)))
