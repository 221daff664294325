# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module with a secret in every option that may carry one: whatever goes wrong with its task, none comes out."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.secrets import cases
from tests.unit.secrets.canaries import ISSUED, Scan, canary, core, every_form
from tests.unit.secrets.runs import Run, echo, run

ON_PURPOSE = "on.purpose"
MODES: dict[str, tuple[str, ...]] = {"run": (), "check": ("--check", "--diff")}
# What only works on a set-up host of the application is refused here in the run too; the lab tests that it works.
CHANGES_THE_HOST = ("agent_place", "lb_structure", "lb_switch", "ledger", "release_place")


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def book(ports: dict[str, int], root: Path, *, wrong_too: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All tasks, and the variables with their options, which come from elsewhere as those of operators do.

    :param wrong_too: with those that are refused for their options, in which check mode plays no part.
    """
    tasks, options = [], {}
    for module, made in cases.CASES.items():
        asked: list[dict[str, Any]] = []
        for server, port in ports.items():
            for number, case in enumerate(made(port, root / "work" / module)):
                for wrong, arguments in cases.gone_wrong(case):
                    if wrong != cases.AS_IT_IS and (server == "unreachable" or not wrong_too):
                        continue
                    if arguments in asked or (wrong == cases.UNKNOWN_OPTION and number):
                        continue
                    asked.append(arguments)
                    key = f"{module} {number}, server {server}, {wrong}"
                    options[key] = arguments
                    given = {name: f"{{{{ options[{key!r}][{name!r}] }}}}" for name in arguments}
                    task = {"name": key, f"slipway.release.{module}": given, "ignore_errors": True}
                    tasks.append({**task, "check_mode": True} if module in CHANGES_THE_HOST else task)
    return tasks, {"options": options}


@pytest.fixture(scope="module", params=[pytest.param("check", marks=pytest.mark.exhaustive), "run"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A play of all tasks."""
    directory = tmp_path_factory.mktemp(f"secrets-{request.param}")
    root = directory / "root"
    with echo() as port:
        ports = {"echoes": port, "unreachable": closed_port()}
        tasks, variables = book(ports, root, wrong_too=request.param == "run")
        made = played(directory, tasks, variables, *MODES[request.param])
    assert made.code == 0, made.output[-3000:]
    assert made.output.count("TASK [") == len(tasks), "not every task was run"
    return made


def played(directory: Path, tasks: list[dict[str, Any]], variables: dict[str, Any], *more: str) -> Run:
    """Run tasks on this computer."""
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    files: dict[str, Any] = {
        "play.yml": [{"hosts": "here", "gather_facts": False, "tasks": tasks}],
        "hosts.yml": {"all": {"hosts": {"here": host}}},
        "secrets.json": variables,
    }
    for name, content in files.items():
        text = json.dumps(content) if name.endswith("json") else yaml.safe_dump(content, width=1000)
        (directory / name).write_text(text, encoding="utf-8")
    book, hosts, secrets = (directory / name for name in files)
    return run(directory / "root", book, hosts, secrets, Scan(ISSUED), *more)


@pytest.mark.parametrize("module", sorted(cases.CASES))
def test_no_secret_of_a_module_comes_out(ran: Run, module: str) -> None:
    assert ran.leaked(f"{module}.") == {}


def test_every_module_has_a_case_or_no_secret() -> None:
    assert sorted({*cases.CASES, *cases.WITHOUT_SECRETS}) == cases.MODULES
    assert not cases.WITHOUT_SECRETS & set(cases.CASES)


@pytest.mark.parametrize("module", cases.MODULES)
def test_every_option_that_is_declared_secret_has_one(module: str, tmp_path: Path) -> None:
    text = cases.all_cases(1, tmp_path)
    options = cases.secret_options(cases.declared(module), module)
    assert [option for option in options if not cases.has_secret_of(option, text)] == []


@pytest.mark.parametrize("form", sorted(every_form("x")))
def test_the_scan_finds_a_secret_in_each_form(form: str) -> None:
    written = every_form(canary(ON_PURPOSE))[form]
    assert Scan([ON_PURPOSE, "another"]).text(f"before {written} after") == {ON_PURPOSE}
    assert Scan(["another"]).text(written) == set()


@pytest.mark.parametrize("form", ["plain", "base64", "base64 at another place", "base64 for URLs", "URL", "JSON"])
def test_a_program_that_knows_no_escapes_has_what_to_look_for(form: str) -> None:
    written = every_form(canary(ON_PURPOSE))[form]
    assert [needle for needle in Scan([ON_PURPOSE]).needles if needle in written] != []
    assert [needle for needle in Scan(["another"]).needles if needle in written] == []


def test_a_leak_is_found_wherever_it_is(tmp_path: Path) -> None:
    """The control of the tests above: what comes out on purpose is seen in every place that they look at."""
    program = "import os, subprocess, sys, syslog, tempfile; s = open(sys.argv[1]).read(); syslog.syslog(s); {}"
    keeps = "p = tempfile.mkstemp()[1]; open(p, 'w').write(s); os.remove(p); subprocess.run(['true', s])"
    file = tmp_path / "secret"
    file.write_text(canary(ON_PURPOSE), encoding="utf-8")
    here = [sys.executable, "-c", program.format(keeps), str(file)]
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.command": {"argv": here}},
        {"ansible.builtin.debug": {"msg": "{{ secret }}"}},
        {
            "ansible.builtin.copy": {
                "content": "{{ secret | b64encode }}",
                "dest": str(tmp_path / "root" / "file"),
                "mode": "0600",
            }
        },
    ]
    made = played(tmp_path, tasks, {"secret": canary(ON_PURPOSE)})
    assert made.code == 0, made.output
    places = {Path(place).name for place in made.leaked(ON_PURPOSE)}
    assert places >= {"output", "ansible.log", "caught", "file"}
    caught = (tmp_path / "root" / "caught").read_text(encoding="utf-8")
    kinds = {line.split()[0] for line in caught.splitlines() if core(ON_PURPOSE) in line}
    assert kinds == {"syslog", "argv", "removed"}
