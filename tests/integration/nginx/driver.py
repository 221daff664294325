# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One switch in a process of its own, to be killed: ``driver.py CONFIGURATION BLUE_PERCENT [OVERRIDE]``.

Prints a JSON object: whether it changed, and the milliseconds it took inside.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.nginx import Nginx
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, switch
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

configuration, blue = sys.argv[1], int(sys.argv[2])
balancer = Nginx(BalancerConfig.from_dict(json.loads(Path(configuration).read_text(encoding="utf-8"))))
opens = sys.argv[3:] == ["open"]
change = Change(
    percents={"blue": blue, "green": 100 - blue},
    stable="green" if blue == 0 else "blue",
    settle=blue in (0, 100) and not opens,
    override=opens or None,
    lease_seconds=600 if opens else 0,
    force=True,
)
started = time.perf_counter()
outcome = switch(balancer, Fence(balancer.directory, balancer.config.port), change)
print(json.dumps({"changed": outcome.changed, "ms": round((time.perf_counter() - started) * 1000)}))
