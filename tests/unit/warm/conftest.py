# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application host in a temporary directory, with a systemd that is a directory of marks, which processes share."""

from __future__ import annotations

import getpass
import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import Lease, State, whole
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host, Outcome
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.present import Placing, present
from ansible_collections.slipway.release.plugins.module_utils._release.revision import build
from ansible_collections.slipway.release.plugins.module_utils._release.running import Selection, started, stopped
from ansible_collections.slipway.release.plugins.module_utils._release.store import Source
from ansible_collections.slipway.release.plugins.module_utils._release.systemd import Answer, Systemd
from ansible_collections.slipway.release.plugins.module_utils._release.warm import TEMPLATE, Request, Warm
from ansible_collections.slipway.release.plugins.module_utils._warm.keeper import Surroundings, look

APP = "shop"
TIMER = f"slipway-warm@{APP}.timer"
PORTS = {"blue": 47081, "green": 47082}
WEB = {"name": "web", "kind": "http", "command": "web", "ports": PORTS, "stop_timeout": 5}
MAILER = {"name": "mailer", "kind": "worker", "command": "mailer", "stop_timeout": 5}
SECONDS = 600
ADDRESSES = ("10.0.0.1:8470", "10.0.0.2:8470")
Reports = dict[str, "Report | None"]


@dataclass(frozen=True)
class Marks:
    """systemd's answers from one file for each unit that runs; ``before_stop`` is called before units stop.

    What was told to stop by somebody who does not wait is ending, which its file says, until it is stopped or started.
    Nothing starts where it is ``broken``.
    """

    directory: Path
    units: Path
    before_stop: Callable[[Sequence[str]], None] = lambda _names: None
    broken: bool = False

    def __call__(self, arguments: Sequence[str], timeout: int, descriptors: Sequence[int]) -> Answer:
        names = list(arguments[arguments.index("--") + 1 :]) if "--" in arguments else []
        verb = arguments[1]
        if verb == "show":
            return Answer(0, "\n".join(self._shown(name) for name in names), "")
        if verb == "stop":
            self.before_stop(names)
        for name in names:
            if verb == "start" and self.broken:
                (self.directory / name).unlink(missing_ok=True)
            elif verb == "start":
                (self.directory / name).write_text("active")
            elif verb == "stop" and "--no-block" in arguments:
                (self.directory / name).write_text("deactivating")
            elif verb == "stop":
                (self.directory / name).unlink(missing_ok=True)
        return Answer(0, "", "")

    def _shown(self, name: str) -> str:
        stem, _at, rest = name.partition("@")
        known = (self.units / name).exists() or (self.units / f"{stem}@.{rest.rpartition('.')[2]}").exists()
        active = (self.directory / name).read_text() if (self.directory / name).exists() else "inactive"
        return f"Id={name}\nLoadState={'loaded' if known else 'not-found'}\nActiveState={active}\n"


@dataclass
class Machine:
    """One application host, and what the agents of its balancers would answer."""

    top: Path
    reports: Reports = field(default_factory=dict)
    now_ms: int = 1_000_000
    boot_id: str = "boot-1"
    asked: int = 0
    while_asking: Callable[[], None] = lambda: None
    before_stop: Callable[[Sequence[str]], None] = lambda _names: None
    while_ending: Callable[[], None] = lambda: None
    broken: bool = False

    def __post_init__(self) -> None:
        self.while_ending = self.ended

    @property
    def layout(self) -> Layout:
        return Layout(APP, self.top / "opt", self.top / "var", self.top / "units")

    def host(self, token: int = 0, *, check: bool = False) -> Host:
        def before_stop(names: Sequence[str]) -> None:
            self.before_stop(names)

        marks = Marks(self.top / "running", self.layout.units, before_stop, self.broken)
        return Host(self.layout, token, check=check, systemd=Systemd(self.layout.state / "children", marks))

    def place(self, slot: str, version: str, token: int, *, keep: bool = True, **options: Any) -> Outcome:
        """What the roles do in the slots stage."""
        request = Request(SECONDS, ADDRESSES) if keep else None
        archive, document = release(self.top, version)
        placing = Placing(slot=slot, document=document, source=Source(str(archive)), keep_warm=request, **options)
        return present(self.host(token), placing)

    def start(self, slot: str, token: int, *, keep: bool = False, components: Sequence[str] = ()) -> Outcome:
        request = Request(SECONDS, ADDRESSES) if keep else None
        return started(self.host(token), Selection(slot, components, keep_warm=request))

    def stop(self, slot: str, token: int, components: Sequence[str] = ()) -> Outcome:
        return stopped(self.host(token), Selection(slot, components))

    def deployed(self) -> None:
        """1.0 was in blue, 2.0 has become active in green with token 2."""
        self.place("blue", "1.0", 1, keep=False)
        self.place("green", "2.0", 2)
        self.settle("green", 2)

    def settle(self, slot: str, token: int, **changes: Any) -> None:
        """All balancers have settled on a slot."""
        self.reports = {address: report(slot, token, **changes) for address in ADDRESSES}

    def look(self, after: float = 0) -> str:
        """What the timer starts, after so many seconds."""
        self.now_ms += int(after * 1000)
        return look(self.host(), Log(), self.surroundings())

    def ended(self) -> None:
        """Everything that was told to stop has ended."""
        for path in (self.top / "running").iterdir():
            if path.read_text() == "deactivating":
                path.unlink()

    def surroundings(self) -> Surroundings:
        def ask(addresses: Sequence[str]) -> Mapping[str, Report | None]:
            assert tuple(addresses) == ADDRESSES
            self.asked += 1
            self.while_asking()
            return dict(self.reports)

        def pause() -> None:
            self.while_ending()

        return Surroundings(ask, lambda: self.now_ms, lambda: self.boot_id, pause)

    def running(self, slot: str, component: str = "web") -> bool:
        path = self.top / "running" / f"slipway-{APP}-{component}@{slot}.service"
        return path.exists() and path.read_text() == "active"

    def enabled(self, slot: str) -> bool:
        return (self.layout.units / "multi-user.target.wants" / f"slipway-{APP}-web@{slot}.service").is_symlink()

    def ticking(self) -> bool:
        """Whether the timer runs, and a boot would start it."""
        link = self.layout.units / "timers.target.wants" / TIMER
        runs = (self.top / "running" / TIMER).exists()
        assert runs == link.is_symlink()
        return runs

    @property
    def record(self) -> Warm | None:
        return self.host().warm.read()

    @property
    def status(self) -> str:
        return self.record.status if self.record else "none"


def release(top: Path, version: str) -> tuple[Path, dict[str, Any]]:
    """An archive, and the document of its revision."""
    path = top / f"{version}.tar"
    if not path.exists():
        with tarfile.open(path, "w") as archive:
            info = tarfile.TarInfo("web")
            info.size = len(version)
            archive.addfile(info, io.BytesIO(version.encode()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    document = build(app=APP, version=version, artifact_sha256=digest, components=[WEB, MAILER], user=getpass.getuser())
    return path, document


def report(slot: str, token: int, *, watching: int | None = 0, lease: bool = False, **changes: Any) -> Report:
    """What an agent answers that leads everything to a slot."""
    state = State(app=APP, generation=9, token=token, stable=slot, percents=whole(slot))
    if lease:
        state = replace(state, lease=Lease(token, 1, "b", whole(slot)))
    return Report(APP, "b", True, replace(state, **changes), 0, 0, (), watching=watching)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A host on which nothing was placed yet, and everything is installed."""
    for name in ("units", "running", "opt"):
        (tmp_path / name).mkdir()
    (tmp_path / "units" / TEMPLATE).touch()
    return Machine(tmp_path)
