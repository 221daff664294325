# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the traffic meter: ``python3 -m …._meter --url http://… --duration 30``.

Touches the network, and the files named by ``--report`` and ``--records``. Exit code 0 for verdict ``pass``, 1 for
``fail``, 3 for ``insufficient``, 2 for options that cannot be accepted. SIGINT and SIGTERM end the run with a summary;
a second one does not wait for answers.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._common.errors import InputError
from .._common.files import write_atomic
from .meter import Meter
from .options import Options
from .records import CLASSES
from .verdict import FAIL, INSUFFICIENT, PASS, judge

EXIT_CODES = {PASS: 0, FAIL: 1, INSUFFICIENT: 3}


def parser() -> argparse.ArgumentParser:
    """The options, named as in ``Options``."""
    made = argparse.ArgumentParser(prog="traffic meter", description="Count the requests that a server loses.")
    made.add_argument("--url", required=True, help="http://host[:port][/path], loopback, private or link-local")
    made.add_argument("--duration", type=float, required=True, help="seconds; the run is never longer")
    made.add_argument("--rate", type=float, default=Options.rate, help="requests a second, keepalive and new together")
    made.add_argument("--keepalive-share", type=float, default=Options.keepalive_share, help="0 to 1")
    made.add_argument("--connections", type=int, default=Options.connections, help="kept connections")
    made.add_argument("--slow", type=int, default=Options.slow, help="slow requests always in flight")
    made.add_argument("--slow-ms", type=int, default=Options.slow_ms)
    made.add_argument("--long", type=int, default=Options.long, help="streams and websockets always open")
    made.add_argument("--long-seconds", type=int, default=Options.long_seconds)
    made.add_argument("--timeout", type=float, default=Options.timeout, help="seconds until an answer counts as lost")
    made.add_argument("--sticky", "--key", default=Options.sticky, help="cookie:NAME or header:NAME with a sticky key")
    made.add_argument("--users", type=int, default=Options.users, help="number of different keys; 0: always a new one")
    made.add_argument("--seed", type=int, default=Options.seed, help="of the random keys")
    made.add_argument("--host", default=Options.host, help="Host header")
    made.add_argument("--allow-public", action="store_true", help="accept a public address")
    made.add_argument("--until-file", type=Path, help="end the run when this file exists")
    made.add_argument("--report", type=Path, help="write the summary as JSON")
    made.add_argument("--records", type=Path, help="write each request as a JSON line")
    made.add_argument("--max-lost", type=int, default=0, help="lost requests that are still a pass")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the meter as told on the command line."""
    chosen = vars(parser().parse_args(arguments))
    report, records, max_lost = chosen.pop("report"), chosen.pop("records"), chosen.pop("max_lost")
    try:
        meter = Meter(Options(**chosen))
    except InputError as exc:
        sys.stderr.write(exc.message() + "\n")
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: meter.stop("signal"))
    summary = meter.run()
    verdict, reason = judge(summary, max_lost)
    if records is not None:
        meter.recorder.write(records)
    if report is not None:
        write_atomic(report, json.dumps({**summary, "verdict": verdict, "reason": reason}, indent=1).encode() + b"\n")
    sys.stdout.write("\n".join([*describe(summary), f"{verdict}: {reason}"]) + "\n")
    return EXIT_CODES[verdict]


def describe(summary: Mapping[str, Any]) -> list[str]:
    """The summary as lines for a terminal."""
    lines = [f"{'class':<10}{'sent':>9}{'ok':>9}{'lost':>7}{'late':>7}{'unsent':>8}  p50/p95/p99 ms"]
    for name in (*CLASSES, "total"):
        part = summary["total"] if name == "total" else summary["classes"][name]
        if not part["scheduled"]:
            continue
        latency = part["latency_us"]
        times = "/".join(f"{latency[rank] / 1000:.1f}" for rank in ("p50", "p95", "p99")) if latency else "-"
        counts = f"{part['sent']:>9}{part['ok']:>9}{part['lost']:>7}{part['late']:>7}{part['not_sent']:>8}"
        lines.append(f"{name:<10}{counts}  {times}")
    for entry in summary["total"]["answered_by"]:
        lines.append(
            f"{entry['version'] or '?'} {entry['slot'] or '?'}: {entry['answers']} answers, "
            f"{entry['first_us'] / 1e6:.3f} s to {entry['last_us'] / 1e6:.3f} s"
        )
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
