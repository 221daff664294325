# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the service that keeps watches."""

from __future__ import annotations

import argparse
import sys

from .._common.errors import SlipwayError
from .service import run


def main() -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="slipway-watch", description="Watch of a slipway balancer host.")
    parser.add_argument("--app", required=True, help="name of the application")
    try:
        return run(parser.parse_args().app)
    except SlipwayError as exc:
        sys.stderr.write(f"{exc.message()}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
