# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One installation of a structure in a process of its own, to be killed: ``installer.py WANTED``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_service import HAProxyService
from ansible_collections.slipway.release.plugins.module_utils._balancer.structure import Structure, install

wanted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
service = HAProxyService(BalancerConfig.from_dict(wanted["config"]))
install(service, Structure({Path(path): text for path, text in wanted["files"].items()}))
