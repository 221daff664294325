# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One controller killed at one write, and what must be so afterwards. Touches what the playbooks touch."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.fleet import load
from lab.operator import PlaybookRun, Running
from lab.plan import Host
from lab.writes import Write, Writes, kill_sessions
from tests.crash.conftest import Controllers
from tests.crash.positions import Position, Seen, task_under_way
from tests.system.fleet import BALANCERS, LAB_INVENTORY, LEDGER, OTHER, Fleet, Measured, differences, now_us, wait_until

# So that a case is short.
COMMON = {"slipway_ready_successes": 1, "slipway_ready_interval": 1}
RATE = 50
REFUSED_AT_THE_END = {
    "slipway_hooks": [
        {"name": "refuse", "at": "before_settle", "hosts": "ledger", "timeout": 20, "command": "/bin/false"}
    ]
}
ONE_BY_ONE = {"slipway_rollout": "rolling", "slipway_batches": [1], "slipway_batch_pause": 0}
ROLLOUTS: dict[str, dict[str, Any]] = {
    "blue_green": {"slipway_rollout": "blue_green"},
    "canary": {"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 50, "pause": 0}]},
    "rolling": ONE_BY_ONE,
    "simple": {"slipway_rollout": "simple"},
    "blue_green_undone": {"slipway_rollout": "blue_green", **REFUSED_AT_THE_END},
    "rolling_undone": {**ONE_BY_ONE, **REFUSED_AT_THE_END},
}
UNDONE = ("blue_green_undone", "rolling_undone")
# The only one that says that requests fail, and in it.
INTERRUPTING = "simple"
MODULES = ("dies", "lives")
REASON = "its controller was killed"
LIVE_LEASE = "holds the lease for"
SETTLING = "balancer/journal.jsonl"
# What was begun by a module that lives comes to its end; a busy computer may need that long for it.
SETTLING_SECONDS = 60
# For runs that meet a module which has lived and taken the lease.
SPARE_RUNS = 3
# Of the traffic, above what a deployment with all its kills takes on a busy computer.
LONGEST = 3000


@dataclass
class Outcome:
    """What a run, killed or not, and all that followed came to.

    :ivar seen: the writes of all runs.
    :ivar kills: the positions at which something was done to a run.
    """

    seen: list[Seen] = field(default_factory=list)
    kills: list[Position] = field(default_factory=list)
    traffic: Measured = field(default_factory=Measured)


def never(_seen: Seen) -> bool:
    """At no write."""
    return False


class Interruption:
    """Does something to a run at a write, and to the runs after it if wanted.

    :param at: whether it is this write.
    :param do: what is done while the writer waits.
    :param prevents: whether the write is then not made.
    """

    def __init__(
        self,
        fleet: Fleet,
        outcome: Outcome,
        at: Callable[[Seen], bool] = never,
        do: Callable[[Running], None] = Running.kill,
        *,
        prevents: bool = False,
    ) -> None:
        self.outcome = outcome
        self.at = at
        self.do = do
        self.prevents = prevents
        self.run: Running | None = None
        self.stopped: Position | None = None
        self.began_us = 0
        self.here: Counter[tuple[str, str, str]] = Counter()
        self.before: Counter[tuple[str, str, str]] = Counter()
        self.acting = threading.Lock()
        self.watch = Writes(machines(fleet), fleet.app, self._act)

    def follow(self, run: Running) -> Position | None:
        """Wait until it is done, or the run has ended before.

        :param run: started after the watch was.
        :returns: where it was done.
        """
        self.before.update(self.here)
        if self.stopped is not None and self.prevents:
            self.before[self.stopped.place] -= 1
        self.here, self.stopped, self.began_us, self.run = Counter(), None, now_us(), run
        while self.stopped is None and run.process.poll() is None:
            time.sleep(0.01)
        with self.acting:
            return self.stopped

    def _act(self, write: Write, process_us: int) -> None:
        with self.acting:
            self._see(write, process_us)

    def _see(self, write: Write, process_us: int) -> None:
        run = self.run
        if run is None or run.process.poll() is not None or self.stopped is not None or process_us < self.began_us:
            self.outcome.seen.append(Seen(now_us(), write))
            return
        place = task_under_way(run.log), write.host, write.file
        self.here[place] += 1
        position = Position(place[0], Write(write.host, write.file, self.here[place]))
        seen = Seen(now_us(), write, position, sum(self.here.values()), exact=not self.before[place])
        self.outcome.seen.append(seen)
        if self.at(seen):
            self.do(run)
            self.outcome.kills.append(position)
            self.stopped = position


def exactly(wanted: Write) -> Callable[[Seen], bool]:
    """This write of this file on this machine."""
    return lambda seen: seen.write == wanted


def in_all(wanted: int) -> Callable[[Seen], bool]:
    """The how-manieth write of the run."""
    return lambda seen: seen.count == wanted


def machines(fleet: Fleet) -> list[Host]:
    """The machines of an application."""
    return [load(fleet.lab).host(name) for name in fleet.hosts]


def flags(rollout: str) -> tuple[str, str]:
    """The variables of a rollout."""
    return "-e", json.dumps({**COMMON, **ROLLOUTS[rollout]})


def undisturbed(controllers: Controllers, rollout: str) -> Outcome:
    """A deployment that nobody kills; of one that is undone, the writes since it was refused."""
    fleet, outcome = controllers.fleet, Outcome()
    before, version = fleet.active()["version"], fleet.versions.fresh()
    interruption = Interruption(fleet, outcome)
    with fleet.traffic(RATE) as outcome.traffic, interruption.watch:
        run = fleet.start("deploy", *flags(rollout), version=version)
        interruption.follow(run)
        done = run.finish()
    require_code(done, rollout)
    require_traffic(fleet, outcome, rollout)
    fleet.require_active(before if rollout in UNDONE else version)
    if rollout in UNDONE:
        refused_us = max(event["boottime_ms"] for event in last_events(fleet) if event["action"] == "commit") * 1000
        outcome.seen = [seen for seen in outcome.seen if seen.when_us > refused_us]
    return outcome


def last_events(fleet: Fleet) -> list[dict[str, Any]]:
    """What the ledger has recorded of the last deployment."""
    book = fleet.ledger()
    events: list[dict[str, Any]] = book["events"][book["state"]["deployments"][-1]["id"]]
    return events


def killed(controllers: Controllers, rollout: str, module: str, at: Callable[[Seen], bool], most: int = 1) -> Outcome:
    """A deployment that is killed, and run again by the other controller at once, and so on until one is let through.

    All that must be so is required: of the traffic, of whatever serves after each kill, and at the end.

    :param module: ``dies`` with the controller, or ``lives``.
    :param most: kills.
    """
    fleet, outcome = controllers.fleet, Outcome()
    before, version = fleet.active()["version"], fleet.versions.fresh()
    interruption = Interruption(
        fleet,
        outcome,
        lambda seen: len(outcome.kills) < most and at(seen),
        lambda run: kill(run, fleet, module),
        prevents=module == "dies",
    )
    with fleet.traffic(RATE, longest=LONGEST) as outcome.traffic, interruption.watch:
        turns = itertools.cycle(itertools.permutations((fleet, controllers.other)))
        for runner, other in itertools.islice(turns, most + SPARE_RUNS):
            run = runner.start("deploy", *flags(rollout), version=version)
            if interruption.follow(run) is None and LIVE_LEASE not in run.finish().reason():
                break
            if rollout != INTERRUPTING:
                wait_until(lambda: serving_unready(fleet), SETTLING_SECONDS, "all that takes traffic is ready")
            release_lease(other)
        else:
            raise AssertionError(f"none of {most + SPARE_RUNS} runs came to its end")
        require_code(run.finish(), rollout)
    require_traffic(fleet, outcome, rollout)
    if rollout in UNDONE:
        require_undone(controllers, before, version)
    else:
        require_finished(controllers, rollout, version)
    return outcome


def kill(run: Running, fleet: Fleet, module: str) -> None:
    """Kill a controller, with what it runs in the machines or without."""
    run.kill()
    if module == "dies":
        kill_sessions(machines(fleet))


def release_lease(fleet: Fleet) -> None:
    """Take the lease from a run whose controller is gone, by the module that release_lease.yml runs."""
    fleet.act(LEDGER, "ledger", LAB_INVENTORY, command="release", reason=REASON)


def run_again(fleet: Fleet, rollout: str, version: str) -> None:
    """The same deployment from another controller; once more if a module that lives has taken the lease meanwhile."""
    for _attempt in range(2):
        release_lease(fleet)
        done = fleet.run("deploy", *flags(rollout), version=version)
        if LIVE_LEASE not in done.reason():
            break
    require_code(done, rollout)


def require_code(done: PlaybookRun, rollout: str) -> None:
    """The run ended as the rollout is meant to."""
    assert (done.code == 0) == (rollout not in UNDONE), f"{done.log}: {done.reason()}"


def require_traffic(fleet: Fleet, outcome: Outcome, rollout: str) -> None:
    """Nothing was lost; where a rollout interrupts, nothing before it has recorded its begin, or after its end."""
    if rollout != INTERRUPTING:
        outcome.traffic.require_none_lost(least=100)
        return
    began_us = min(event["boottime_ms"] for event in last_events(fleet) if event["action"] == "commit") * 1000
    settled_us = max(seen.when_us for seen in outcome.seen if seen.write.file == SETTLING)
    lost = [(request["end_us"], request["start_us"]) for request in outcome.traffic.lost]
    assert [times for times in lost if times[0] < began_us or times[1] > settled_us] == []


def serving_unready(fleet: Fleet) -> str:
    """What takes traffic from a balancer and is not ready; empty for nothing."""
    found = fleet.ask_all(BALANCERS, "unready")
    return "; ".join(f"{host} uses {', '.join(names)}" for host, names in found.items() if names)


def require_finished(controllers: Controllers, rollout: str, version: str) -> None:
    """The version is active and everything agrees; the next run, from the first controller, changes nothing."""
    fleet = controllers.fleet
    require_settled(fleet, version)
    assert problems(controllers.other) == []
    before = fleet.snapshot()
    done = fleet.run("deploy", *flags(rollout), version=version)
    assert done.code == 0, f"{done.log}: {done.reason()}"
    assert differences(before, fleet.snapshot()) == []


def require_undone(controllers: Controllers, before: str, version: str) -> None:
    """What was active is, nothing of the version runs, and it has failed."""
    fleet = controllers.fleet
    require_settled(fleet, before)
    assert problems(controllers.other) == []
    book = fleet.ledger()
    last = book["state"]["deployments"][-1]
    assert (last["result"], book["unfinished"]) == ("failed", None), last
    for host in fleet.application:
        held = fleet.slot(host, OTHER[fleet.active()["slot"]])
        assert not (held["running"] and held["version"] == version), host


def require_settled(fleet: Fleet, version: str) -> None:
    """The version is active, and all agree."""
    fleet.require_active(version)
    wait_until(fleet.settled, SETTLING_SECONDS, "the fleet is settled")
    assert serving_unready(fleet) == ""


def problems(fleet: Fleet) -> list[str]:
    """What status.yml finds, run by the other controller."""
    report = Path(fleet.operator.environment["HOME"]) / f"status-{fleet.app}.json"
    done = fleet.run("status", status_file=str(report))
    assert done.code == 0, f"{done.log}: {done.reason()}"
    found: list[str] = json.loads(report.read_text(encoding="utf-8"))["problems"]
    return found
