# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that keeps the watch of one application on one balancer host, after the run that has armed it.

A process of its own, so that a source that is slow never delays the agent. Touches what ``returning`` touches, and in
the run directory the lock that shows that it lives and what it has judged so far.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Optional

from .._agent.log import Log
from .._agent.notify import notify
from .._agent.peers import Peers
from .._agent.report import Report
from .._balancer.base import Balancer
from .._balancer.config import BalancerConfig
from .._balancer.factory import balancer as provider
from .._balancer.switch import Surroundings
from .._balancer.watch import GIVE_BACK, SCHEMA, Watch, load, lock_file, standing_file, watch_file
from .._common.errors import SlipwayError
from .._common.fence import Fence
from .._common.files import read_state, write_state
from .._gate.model import FAIL, INSUFFICIENT
from .._gate.run import worst
from .judging import Judging
from .parse import Judged, parse
from .returning import TOPIC, Returning
from .track import SHOWN_SAMPLES

LOOK_SECONDS = 0.5
PEERS_SECONDS = 2.0
STANDING_SECONDS = 5.0
RETRY_SECONDS = 2.0
INSISTS_SECONDS = 60.0
RESUMES_SECONDS = 60
END_SECONDS = 3.0
Evidence = dict[str, Any]
Asking = Callable[[], Mapping[str, Optional[Report]]]


class Keeper:
    """Keeps whatever watch is recorded.

    :param asking: asks the agents of the other balancers.
    """

    def __init__(self, balancer: Balancer, log: Log, asking: Asking, surroundings: Surroundings | None = None) -> None:
        self.balancer = balancer
        self.log = log
        self.asking = asking
        self.surroundings = surroundings or Surroundings()
        self.watch: Watch | None = None
        self.judging: Judging | None = None
        self.returning: Returning | None = None
        self._decided: Evidence = {}
        self._decided_at = self._next_try = self._next_peers = self._next_standing = 0.0

    def step(self) -> None:
        """Look once: take up a watch, let one go, or act on what was judged."""
        watch = load(self.balancer.directory) if watch_file(self.balancer.directory).exists() else None
        if watch != self.watch:
            self._let_go()
            if watch is not None:
                self._take_up(watch)
        if self.watch is None or self.returning is None or self.judging is None:
            return
        if not self.watch.holds(self.balancer.recorded(), Fence(self.balancer.directory, 0).seen()):
            if not self.returning.completed():
                self.returning.drop()
            return
        self._act(self.watch, self.judging, self.returning)

    def end(self) -> None:
        """Stop judging; the standing is kept for the next process."""
        if self.judging:
            self._write_standing(self.judging)
        self._let_go()

    def _take_up(self, watch: Watch) -> None:
        try:
            judged = parse(watch.request)
        except SlipwayError as exc:
            self.log.warning(TOPIC, f"nothing is judged: {exc.message()}")
            judged = Judged([], [], [])
        self.watch = watch
        self.returning = Returning(self.balancer, watch, judged.hooks, self.log, self.surroundings)
        self._judge_anew(watch, judged, self._earlier(watch))
        self.log.info(TOPIC, f"watching deployment {watch.request.deployment}, {self._left(watch):.0f} s are left")

    def _judge_anew(self, watch: Watch, judged: Judged, samples: Mapping[str, Any]) -> None:
        if self.judging:
            self.judging.stop.set()
        self.judging = Judging(watch.request, judged, self._cannot_serve)
        self.judging.resume(samples)
        self.judging.start()
        self._decided = {}
        self._next_standing = 0.0

    def _let_go(self) -> None:
        if self.judging:
            self.judging.stop.set()
        if self.returning:
            self.returning.trail.end(END_SECONDS)
        self.watch = self.judging = self.returning = None
        self._decided = {}

    def _act(self, watch: Watch, judging: Judging, returning: Returning) -> None:
        now = time.monotonic()
        if now >= self._next_standing:
            self._next_standing = now + STANDING_SECONDS
            self._write_standing(judging)
        peer = self._peer_that_returned(watch)
        if peer:
            returning.give_back(_evidence("", f"balancer {peer} has returned the traffic"), peer=peer)
            return
        self._decided = self._decided or self._verdict(watch, judging, returning)
        if self._decided and now >= self._next_try:
            self._next_try = now + RETRY_SECONDS
            self._decided_at = self._decided_at or now
            self._give_back(watch, returning)

    def _give_back(self, watch: Watch, returning: Returning) -> None:
        """Return the traffic; a decision that cannot be carried out within a minute is made anew."""
        self._next_peers = 0.0
        peer = self._peer_that_returned(watch)
        evidence = _evidence("", f"balancer {peer} has returned the traffic") if peer else self._decided
        if returning.give_back(evidence, peer=peer):
            self._decided_at = 0.0
        elif time.monotonic() - self._decided_at >= INSISTS_SECONDS:
            self._decided_at = 0.0
            self._judge_anew(watch, parse(watch.request), {})

    def _verdict(self, watch: Watch, judging: Judging, returning: Returning) -> Evidence:
        """What decides to return the traffic; empty when nothing does."""
        failed = judging.failed()
        if failed:
            standing, track = failed
            samples = [sample.to_dict() for sample in track.samples[-SHOWN_SAMPLES:]]
            return _evidence(standing.name, f"{standing.name}: {standing.reason}", standing.verdict, samples)
        if self._left(watch) > 0:
            return {}
        lasted = f"watched for {watch.request.seconds} s"
        if watch.request.at_end == GIVE_BACK:
            return _evidence("", f"{lasted}, and nobody went on with the deployment", INSUFFICIENT)
        standings = judging.standings()
        quiet = [standing.name for standing in standings if standing.verdict == INSUFFICIENT]
        without = f", without a word of {', '.join(quiet)}" if quiet else ""
        returning.end(worst(standing.verdict for standing in standings), f"{lasted}, nothing failed{without}")
        return {}

    def _left(self, watch: Watch) -> float:
        return watch.left_seconds(self.surroundings.now_ms(), self.surroundings.boot_id(), time.time())

    def _peer_that_returned(self, watch: Watch) -> str:
        """Address of a balancer whose watch of the same deployment has returned the traffic; empty for none."""
        if time.monotonic() < self._next_peers:
            return ""
        self._next_peers = time.monotonic() + PEERS_SECONDS
        reports = self.asking().items()
        return next((address for address, report in reports if report and report.returned == watch.token), "")

    def _cannot_serve(self) -> str:
        try:
            return "" if self.balancer.live().open else "this balancer is closed"
        except SlipwayError as exc:
            return f"this balancer does not run: {exc.message()}"

    def _write_standing(self, judging: Judging) -> None:
        if self.watch is None:
            return
        content = {
            "token": self.watch.token,
            "boot_id": self.surroundings.boot_id(),
            "at_ms": self.surroundings.now_ms(),
            "judged": [standing.to_dict() for standing in judging.standings()],
            "samples": {track.name: [sample.to_dict() for sample in track.samples] for track in judging.tracks},
        }
        write_state(standing_file(self.balancer.run_directory), SCHEMA, content, mode=0o600)

    def _earlier(self, watch: Watch) -> Mapping[str, Any]:
        """The measurements of a process that ended less than a minute ago."""
        found = read_state(standing_file(self.balancer.run_directory), SCHEMA) or {}
        is_same = found.get("token") == watch.token and found.get("boot_id") == self.surroundings.boot_id()
        if not is_same or self.surroundings.now_ms() - found["at_ms"] > RESUMES_SECONDS * 1000:
            return {}
        return dict(found["samples"])


def _evidence(metric: str, reason: str, verdict: str = FAIL, samples: list[dict[str, str]] | None = None) -> Evidence:
    return {"verdict": verdict, "metric": metric, "reason": reason, "samples": samples or []}


def run(app: str) -> int:
    """Keep watches until SIGTERM, or until configuration or code are no longer those it began with; exit status."""
    balancer, configuration = _loaded(app)
    code = os.path.realpath(__file__)
    stop, log = threading.Event(), Log()
    broken: list[str] = []

    def broke(failure: Any) -> None:
        sys.stderr.write("<3>a thread broke, the watch begins anew\n")
        traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)
        broken.append("thread")
        stop.set()

    threading.excepthook = broke
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    lock = _locked(balancer)
    keeper = Keeper(balancer, log, Peers(app, balancer.config.agent.peers, log).ask)
    notify("READY=1")
    while not stop.wait(LOOK_SECONDS):
        notify("WATCHDOG=1")
        with log.failures("watch failed"):
            keeper.step()
        if _digest(app) != configuration or os.path.realpath(__file__) != code:
            log.info(TOPIC, "configuration or code have changed, starting anew")
            break
    with log.failures("watch failed"):
        keeper.end()
    os.close(lock)
    return 1 if broken else 0


def _loaded(app: str) -> tuple[Balancer, str]:
    config = BalancerConfig.load(app)
    return provider(config), config.digest()


def _digest(app: str) -> str:
    try:
        return BalancerConfig.load(app).digest()
    except SlipwayError:
        return ""


def _locked(balancer: Balancer) -> int:
    """The lock that shows that this process lives."""
    balancer.run_directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(lock_file(balancer.run_directory), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor
