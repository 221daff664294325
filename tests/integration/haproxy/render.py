# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders templates of the role ``balancer`` as Ansible does: ``render.py DIRECTORY < variables.json``.

Prints a JSON object of template name to text. Needs Ansible's site-packages on PYTHONPATH; touches nothing.
"""

from __future__ import annotations

import json
import sys

from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.mathstuff import FilterModule as SetFilters
from ansible.plugins.test.core import TestModule as CoreTests
from jinja2 import Environment, FileSystemLoader, StrictUndefined

environment = Environment(
    loader=FileSystemLoader(sys.argv[1]), trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
)
for filters in (CoreFilters, SetFilters):
    environment.filters.update(filters().filters())
environment.tests.update(CoreTests().tests())
variables = json.load(sys.stdin)
names = [name for name in environment.list_templates() if name.startswith("haproxy")]
json.dump({name: environment.get_template(name).render(variables) for name in names}, sys.stdout)
