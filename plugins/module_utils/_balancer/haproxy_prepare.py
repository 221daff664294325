# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the files that HAProxy starts from, out of what is recorded; run by systemd before HAProxy starts.

Touches ``slots.map`` and ``servers.state`` in ``/var/lib/slipway/balancer/<app>/``, and ``gate.map`` in
``/run/slipway/balancer/<app>/``. Usage: ``python3 -m ….haproxy_prepare``, for all applications of the host.
"""

from __future__ import annotations

import sys

from .._common.errors import SlipwayError
from .config import DIRECTORY, BalancerConfig
from .haproxy import HAProxy


def main() -> int:
    """Prepare every application behind HAProxy; 1 when that failed for one."""
    failed = 0
    for path in sorted(DIRECTORY.glob("*.json")):
        try:
            config = BalancerConfig.load(path.stem)
            if config.kind == "haproxy":
                HAProxy(config).prepare()
        except SlipwayError as exc:
            failed = 1
            sys.stderr.write(exc.message() + "\n")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
