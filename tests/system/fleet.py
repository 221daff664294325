# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One application on the lab, seen as an operator and as a user of it see it.

Touches the lab through its verbs and the playbooks, and writes below ``.cache/system``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.operator import Operator, PlaybookRun, Running
from lab.traffic import Traffic

REPOSITORY = Path(__file__).resolve().parents[2]
LAB_INVENTORY = REPOSITORY / "inventories" / "lab"
CACHE = REPOSITORY / ".cache" / "system"
COLLECTIONS = REPOSITORY / ".cache" / "collections"
RELEASES = CACHE / "releases"
APPS = {"nginx": "shop", "haproxy": "cart"}
LISTENERS = {"nginx": 8000, "haproxy": 8001}
PORTS = {"nginx": {"blue": 8081, "green": 8082}, "haproxy": {"blue": 8091, "green": 8092}}
BALANCERS = ("lb1", "lb2")
APPLICATION = ("app1", "app2", "app3")
LEDGER = "db1"
HOSTS = (*BALANCERS, *APPLICATION, LEDGER)
OTHER = {"blue": "green", "green": "blue"}
ROOT = Path("/mnt/slipway")
# Tasks that tests wait for; a unit test compares them with the roles.
DRAINING = "Slots | Let the spare slot finish its requests"
PLACING = "Slots | Place the revision in the spare slot"
GATING = "Slots | Gate the instances on their own host"
BEFORE_SWITCH = "Gate | Gate every instance from every balancer, and the preview address"
AFTER_SWITCH = "Step | Gate the public address"
TAKING_OVER = "Handover | Start in the slot that takes over"
WATCHING = "Watch | Measure, while no instance dies"
STOPPING = "Batch | Stop the old slot"
ENDING = "Settle | Record the outcome and release the lease"
TASKS = (DRAINING, PLACING, GATING, BEFORE_SWITCH, AFTER_SWITCH, WATCHING, STOPPING, TAKING_OVER, ENDING)
RATE = 150
# Above the longest deadline of the lab's inventory, and soon over when a test leaves one behind.
LEASE_SECONDS = "90"


class Versions:
    """Releases built when they are asked for."""

    def __init__(self) -> None:
        self._last = 0
        self._built: set[str] = set()

    def fresh(self) -> str:
        """A good version that was not deployed in this run before."""
        self._last += 1
        return self.built(f"1.{self._last}.{int(time.time()) % 100_000}")

    def built(self, version: str, **behaviour: Any) -> str:
        """The version, with its archive there.

        :param behaviour: what replaces that of the sample's release; always the same for a version.
        """
        if version not in self._built:
            changes = [f"{name}={json.dumps(value)}" for name, value in behaviour.items()]
            call("sample.build", "--out", str(RELEASES), "--only", version, *(f"--set={one}" for one in changes))
            self._built.add(version)
        return version


@dataclass
class Measured:
    """What the traffic meter saw; filled in when the traffic has ended.

    :ivar requests: every request, with the times of the meter as microseconds of CLOCK_BOOTTIME.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lost(self) -> list[dict[str, Any]]:
        """The requests that failed in any way."""
        return [request for request in self.requests if request["outcome"] != "ok"]

    def versions(self, since_us: int = 0, until_us: int = 2**63) -> set[str]:
        """Versions that answered the requests started in a time."""
        return {
            request["version"]
            for request in self.requests
            if request["outcome"] == "ok" and since_us <= request["start_us"] < until_us
        }

    def require_none_lost(self, least: int = 500) -> None:
        """Not one request was lost, and there were enough to say so."""
        kinds = {name: count for name, count in self.summary["total"]["lost_by"].items() if count}
        assert self.summary["total"]["lost"] == 0, f"{kinds}: {self.lost[:5]}"
        assert self.summary["total"]["ok"] >= least, self.summary["total"]


class Fleet:
    """One application of the lab, behind one kind of balancer.

    :param ansible: directory of the programs of the ansible-core to use.
    :param operator: who runs the playbooks.
    :param application: its application hosts.
    :param flags: of every run of a playbook.
    """

    def __init__(
        self,
        lab: str,
        balancer: str,
        versions: Versions,
        ansible: Path = Path(sys.executable).parent,
        *,
        operator: Operator | None = None,
        application: Sequence[str] = APPLICATION,
        flags: Sequence[str] = (),
    ) -> None:
        self.lab = lab
        self.balancer = balancer
        self.app = APPS[balancer]
        self.versions = versions
        self.operator = operator or Operator(REPOSITORY, lab, CACHE / "logs", ansible=ansible)
        self.application = tuple(application)
        self.hosts = (*BALANCERS, *self.application, LEDGER)
        self.flags = tuple(flags)
        record = json.loads((REPOSITORY / ".cache" / "lab" / lab / "lab.json").read_text(encoding="utf-8"))
        self.network = f"10.213.{record['octet']}"
        self.address = f"http://{self.network}.10:{LISTENERS[balancer]}"

    # What an operator does

    def start(self, playbook: str, *flags: str, **variables: str) -> Running:
        """Start a playbook; ``variables`` without their prefix."""
        given = {f"slipway_{name}": value for name, value in {"lease_seconds": LEASE_SECONDS, **variables}.items()}
        return self.operator.start(
            playbook,
            {"slipway_balancer": self.balancer, "slipway_lab_releases": str(RELEASES), **given},
            *self.flags,
            *flags,
        )

    def run(self, playbook: str, *flags: str, **variables: str) -> PlaybookRun:
        """Run a playbook to its end."""
        return self.start(playbook, *flags, **variables).finish()

    def deploy(self, version: str, *flags: str, **variables: str) -> PlaybookRun:
        """Deploy a version, and require that it is active everywhere."""
        done = self.run("deploy", *flags, version=version, **variables)
        assert done.code == 0, f"{done.log}: {done.reason()}"
        self.require_active(version)
        return done

    def act(self, host: str, module: str, inventory: Path | None = None, **arguments: Any) -> None:
        """Run one module of the collection on a machine, as an operator does by hand."""
        self.operator.act(host, f"slipway.release.{module}", {"app": self.app, **arguments}, inventory)

    # What is so

    def ask(self, host: str, question: str) -> Any:
        """The answer of ``inside.py`` on a machine."""
        program = str(ROOT / "tests" / "system" / "inside.py")
        environment = [f"PYTHONPATH={ROOT / '.cache' / 'collections'}", "PYTHONDONTWRITEBYTECODE=1"]
        return json.loads(self.inside(host, "env", *environment, "python3", program, question, self.app))

    def ask_all(self, hosts: Sequence[str], question: str) -> dict[str, Any]:
        """The same question to several machines at once."""
        with ThreadPoolExecutor(len(hosts)) as pool:
            return dict(zip(hosts, pool.map(lambda host: self.ask(host, question), hosts)))

    def snapshot(self) -> dict[str, Any]:
        """Files and processes of all machines, and what the balancers do."""
        return {**self.ask_all(self.hosts, "snapshot"), **{f"{host} does": self.percents(host) for host in BALANCERS}}

    def ledger(self) -> dict[str, Any]:
        """What the ledger says."""
        return dict(self.ask(LEDGER, "ledger"))

    def percents(self, host: str) -> dict[str, int]:
        """Percents that the running balancer really applies."""
        answer = self.ask(host, "balancer")
        assert answer["live"], answer["error"]
        return dict(answer["live"]["percents"])

    def active(self) -> dict[str, Any]:
        """Slot, revision and version that the ledger calls active."""
        return dict(self.ledger()["state"]["active"])

    def slot(self, host: str, slot: str) -> dict[str, Any]:
        """One slot of an application host."""
        return dict(self.ask(host, "release")["slots"][slot])

    def consuming(self, component: str) -> dict[str, list[str]]:
        """In which slots a worker or singleton runs, on the hosts where it does."""
        pattern = f"slipway-{self.app}-{component}@*.service"
        listed = ("systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating,deactivating")
        with ThreadPoolExecutor(len(self.application)) as pool:
            shown = dict(
                zip(self.application, pool.map(lambda host: self.inside(host, *listed, pattern), self.application))
            )
        found = {host: [slot for slot in OTHER if f"@{slot}.service" in text] for host, text in shown.items()}
        return {host: slots for host, slots in found.items() if slots}

    def require_active(self, version: str) -> None:
        """Ledger, balancers and instances all have this version active, and no lease is held."""
        book = self.ledger()
        assert book["state"]["active"]["version"] == version
        assert book["lease"] is None
        slot = book["state"]["active"]["slot"]
        for host in BALANCERS:
            assert self.percents(host) == {slot: 100, OTHER[slot]: 0}
        for host, release in self.ask_all(self.application, "release").items():
            held = release["slots"][slot]
            assert (held["version"], held["status"], held["running"]) == (version, "placed", True), host
        assert set(self.served()) == {version}

    def served(self, address: str = "", count: int = 12) -> dict[str, int]:
        """How often each version answered, ``status N`` where there was none."""
        found: dict[str, int] = {}
        for _number in range(count):
            name = self.version_at(address or self.address)
            found[name] = found.get(name, 0) + 1
        return found

    def answering(self) -> set[str]:
        """Application hosts that answer behind the virtual address."""
        found = set()
        for _number in range(60):
            with urllib.request.urlopen(f"{self.address}/", timeout=5) as answer:
                found.add(json.load(answer)["host"])
        return found

    def version_at(self, address: str, header: str = "X-Nothing: special") -> str:
        """The version that answers one request with a header, on a new connection."""
        command = ["curl", "--silent", "--max-time", "5", "--output", "/dev/null", "--write-out"]
        form = "%{http_code} %header{x-slipway-release}"
        answer = subprocess.run(
            [*command, form, "--header", header, f"{address}/plain"], capture_output=True, text=True, check=False
        ).stdout
        status, _gap, version = answer.partition(" ")
        return version if status == "200" else f"status {status}"

    def own_address(self, balancer: str) -> str:
        """The application on one balancer's own address."""
        return f"http://{self.network}.{10 + int(balancer[-1])}:{LISTENERS[self.balancer]}"

    @contextmanager
    def traffic(self, rate: int = RATE, address: str = "", longest: int = 600) -> Iterator[Measured]:
        """Live traffic through the virtual address, or another one, while the block runs.

        :param longest: seconds after which it ends by itself.
        """
        measured = Measured()
        url = address or self.address
        report = CACHE / f"traffic-{url.partition('//')[2].replace(':', '-')}.json"
        meter = Traffic(url, rate=rate, longest=longest, report=report, collections=COLLECTIONS, records=True)
        ended = False
        try:
            time.sleep(2)
            yield measured
            time.sleep(1)
            ended = True
        finally:
            measured.summary = meter.stop()
            began = measured.summary["started"]["boottime_us"]
            if ended:
                lines = meter.records.read_text(encoding="utf-8").splitlines()
                measured.requests = [on_boot_clock(json.loads(line), began) for line in lines]

    # What befalls machines

    def inside(self, host: str, *argv: str, check: bool = True) -> str:
        """Output of a command as root in a machine."""
        command = [sys.executable, "-m", "lab", "exec", "--name", self.lab, host, "--", *argv]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{host}: {' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def poweroff(self, *hosts: str) -> int:
        """Pull plugs; the time at which the last was pulled, in microseconds of CLOCK_BOOTTIME."""
        for host in hosts:
            call("lab", "poweroff", "--name", self.lab, host)
        return now_us()

    def link(self, host: str, state: str) -> None:
        """Pull a cable, or put it back."""
        call("lab", "link", "--name", self.lab, host, state)

    def recover(self) -> None:
        """Everything on, and at its work; nobody holds a lease."""
        states = self._states()
        for host in self.hosts:
            if states[host] != "running":
                call("lab", "start", "--name", self.lab, host)
            self.link(host, "up")
        wait_until(self.settled, 120, "the fleet is settled")

    def is_set_up(self) -> bool:
        """Whether the application was set up on this lab before."""
        try:
            return self.settled() == "" and bool(self.ledger()["state"]["active"])
        except RuntimeError:
            return False

    def _states(self) -> dict[str, str]:
        command = [sys.executable, "-m", "lab", "status", "--name", self.lab]
        shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
        return {line.split()[0]: line.split(maxsplit=2)[2] for line in shown.splitlines()}

    def settled(self) -> str:
        """What is still missing until the fleet is at rest; empty for nothing."""
        book = self.ledger()
        if book["lease"] and book["lease"]["live"]:
            return f"a lease for {book['lease']['remaining_seconds']} s"
        for host, answer in self.ask_all(BALANCERS, "balancer").items():
            if not (answer["open"] and answer["consistent"] and answer["recorded"]["lease"] is None):
                return f"{host} {answer}"
        slot = (book["state"]["active"] or {}).get("slot")
        held = self.ask_all(self.application, "release") if slot else {}
        lost = [host for host, release in held.items() if not release["slots"][slot]["running"]]
        return f"not running on {lost}" if lost else ""


def on_boot_clock(request: dict[str, Any], began_us: int) -> dict[str, Any]:
    """A request of the meter with its times on CLOCK_BOOTTIME, which all machines of the lab share."""
    return {**request, **{name: request[name] + began_us for name in ("intended_us", "start_us", "end_us")}}


def now_us() -> int:
    """Microseconds of CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def call(module: str, *arguments: str) -> None:
    """Run a module of this repository."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join([module, *arguments])}: {done.stderr.strip() or done.stdout.strip()}")


def wait_until(missing: Callable[[], str], seconds: float, what: str) -> None:
    """Wait, bounded, until nothing is missing any more."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            lacking = missing()
        except (RuntimeError, AssertionError, OSError) as exc:
            lacking = str(exc)
        if not lacking:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}: {lacking}")
        time.sleep(1)


def differences(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> list[str]:
    """Where two snapshots differ."""
    found = []
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        here = f"{path} {name}".strip()
        if isinstance(one, dict) and isinstance(other, dict):
            found += differences(one, other, here)
        elif one != other:
            found.append(f"{here}: {one} -> {other}")
    return found


def own_log(directory: Path) -> dict[str, Any]:
    """The variables of runs that also act on this computer, where the audit log of nobody else is to be."""
    return {"slipway_audit": {"directory": str(directory / "audit")}}


def inventory_without(directory: Path, name: str) -> list[str]:
    """The lab's inventory without a group or a host, in a directory, as flags of ansible-playbook."""
    return inventory_changed(directory, lambda everything: remove(everything, name))


def inventory_changed(directory: Path, change: Callable[[dict[str, Any]], None]) -> list[str]:
    """The lab's inventory with its group ``all`` changed, in a directory, as flags of ansible-playbook."""
    hosts = yaml.safe_load((LAB_INVENTORY / "hosts.yml").read_text(encoding="utf-8"))
    change(hosts["all"])
    text = yaml.safe_dump(hosts, width=1000).replace("inventory_dir ~ ''/../../", f"''{REPOSITORY}/")
    (directory / "hosts.yml").write_text(text, encoding="utf-8")
    (directory / "group_vars").symlink_to(LAB_INVENTORY / "group_vars")
    return ["-i", str(directory / "hosts.yml")]


def remove(group: dict[str, Any], name: str) -> None:
    """Take a group or a host out of an inventory."""
    for kind in ("hosts", "children"):
        group.get(kind, {}).pop(name, None)
    for child in group.get("children", {}).values():
        remove(child, name)
