# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders templates of the role ``balancer`` as Ansible does: ``render.py DIRECTORY < variables.json``.

Prints a JSON object of template name to text. Needs Ansible's site-packages on PYTHONPATH; touches nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.mathstuff import FilterModule as SetFilters
from ansible.plugins.test.core import TestModule as CoreTests
from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(directory: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """HAProxy's templates of a directory, by name."""
    environment = Environment(
        loader=FileSystemLoader(directory), trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    for filters in (CoreFilters, SetFilters):
        environment.filters = {**filters().filters(), **environment.filters}
    environment.tests = {**CoreTests().tests(), **environment.tests}
    names = [name for name in environment.list_templates() if name.startswith("haproxy")]
    return {name: environment.get_template(name).render(variables) for name in names}


if __name__ == "__main__":
    json.dump(render(sys.argv[1], json.load(sys.stdin)), sys.stdout)
