# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the timer of a keep-warm time starts: a look, which lasts as long as the slot takes to stop."""

from __future__ import annotations

import argparse

from .._agent.log import Log
from .._release.host import Host
from .._release.layout import Layout
from .keeper import TOPIC, Surroundings, asking, look


def main(arguments: list[str] | None = None) -> int:
    """Look; what cannot be done now is tried again when the timer comes round."""
    parser = argparse.ArgumentParser(prog="slipway-warm", description="Ends the keep-warm time of a slot.")
    parser.add_argument("--app", required=True, help="name of the application")
    app = parser.parse_args(arguments).app
    log = Log()
    with log.failures(TOPIC):
        look(Host(Layout(app)), log, Surroundings(asking(app, log)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
