# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as Ansible runs them, and their actions in a play: check mode, diff, checkpoints, secrets, refusals."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.action.audit_emit import OF_THE_CONTROLLER, ActionModule
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import Auditor, auditor
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head, read
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import Redactor
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Signer
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.modules import audit_emit, audit_verify

from ..running import module_output, module_result, play
from .made import an_event, chained, files, filled, lines, log
from .test_note import Ed25519PrivateKey, pem

STREAM = "deployments"
COLLECTIONS = Path(audit_emit.__file__ or "").parents[5]
EVENT = {"type": "deployment", "operation": "switch", "outcome": "success", "target": "shop"}
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
SECRET = "canary-s3cret/value+1"


def emit(directory: Path, **options: Any) -> dict[str, Any]:
    """Run audit_emit."""
    return module_result(audit_emit, stream=STREAM, directory=str(directory), **options)


def verified(directory: Path, **options: Any) -> dict[str, Any]:
    """Run audit_verify."""
    return module_result(audit_verify, stream=STREAM, directory=str(directory), **options)


def recorded(directory: Path) -> list[dict[str, Any]]:
    """The events of the current segment."""
    return [json.loads(line)["event"] for line in lines(files(directory).current)]


def test_an_event_has_every_field_that_is_given(tmp_path: Path) -> None:
    more = {
        "environment": "production",
        "version": "1.4.2",
        "commit": "abc",
        "strategy": "canary",
        "change_request": "CHG-1",
        "duration_ms": 12,
        "compliance_profiles": ["sox"],
        "deployment": "d1",
        "token": 7,
        "initiator": {"user": "ada", "source_ip": "192.0.2.7"},
    }
    done = emit(tmp_path, events=[{**EVENT, **more}])
    assert done["changed"] and done["head"]["seq"] == 2
    found = recorded(tmp_path)[-1]
    assert {name: found[name] for name in (*more, *EVENT)} == {**more, **EVENT}
    assert found["id"] == done["ids"][0]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found["time"])


def test_check_mode_writes_nothing_and_shows_what_would_be(tmp_path: Path) -> None:
    done = emit(tmp_path / "none", events=[EVENT], _ansible_check_mode=True)
    assert done["changed"] and '"target": "shop"' in done["diff"]["after"]
    assert not (tmp_path / "none").exists()
    for options in ({"command": "rotate"}, {"command": "hold", "hold": "x", "reason": "y"}):
        assert emit(tmp_path / "none", _ansible_check_mode=True, **options)["changed"]
    assert not (tmp_path / "none").exists()


def test_no_events_change_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    before = files(tmp_path).current.read_bytes()
    assert not emit(tmp_path)["changed"]
    assert files(tmp_path).current.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"events": [{**EVENT, "details": {"share": 0.5}}]}, "details"),
        ({"events": [{**EVENT, "type": "audit.log"}]}, "audit.log"),
        ({"events": [EVENT], "command": "rotate"}, "only emit"),
        ({"context": {"colour": "red"}, "events": [EVENT]}, "colour"),
        ({"redaction": {"hash": ["a"]}}, "key"),
        ({"stream": "../x"}, "stream"),
        ({"command": "hold", "hold": "x"}, "reason"),
        ({"anchor": {"size": "x"}, "events": [EVENT]}, "anchor"),
        ({"printed": {"offset": "x"}, "events": [EVENT]}, "printed"),
        ({"events": [EVENT], "sinks": [{"type": "syslog", "address": "tcp://h:abc"}]}, "address"),
        ({"events": [{**EVENT, "details": {"n": 0.5}}], "redaction": {"hash": ["**.n"], "key": "k" * 16}}, "float"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_refusals_name_the_place(tmp_path: Path, options: dict[str, Any], words: str, check_mode: bool) -> None:
    more = {"stream": STREAM, "directory": str(tmp_path), "_ansible_check_mode": check_mode}
    done = module_result(audit_emit, **{**more, **options})
    if check_mode and options.get("command") == "hold":
        assert done["changed"]
    else:
        assert done["failed"] and words in done["msg"], done
    assert not list(tmp_path.rglob("*.jsonl")) or files(tmp_path).current.read_bytes() == b""


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("broken", [{}, {"context": {"colour": "red"}}, {"command": "rotate"}])
def test_no_secret_in_any_output(tmp_path: Path, check_mode: bool, broken: dict[str, Any]) -> None:
    secrets = [f"{SECRET}-{name}" for name in ("mask", "name", "pattern", "value", "key", "token", "header", "query")]
    masked, named, pattern, value, key, token, header, query = secrets
    output = module_output(
        audit_emit,
        **{
            "stream": STREAM,
            "directory": str(tmp_path),
            "events": [
                {
                    **EVENT,
                    "details": {"card": masked, "password": named, "text": f"a {pattern} b {value}", "deep": [value]},
                }
            ],
            "redaction": {"mask": ["details.card"], "patterns": [r"\S+-pattern"], "values": [value], "key": key},
            "sinks": [
                {
                    "type": "http",
                    "url": f"http://127.0.0.1:9/?q={query}",
                    "bearer_token": token,
                    "headers": {"X-Key": header},
                }
            ],
            "_ansible_check_mode": check_mode,
            "_ansible_diff": True,
            "_ansible_verbosity": 4,
            **broken,
        },
    )
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode()
    for secret in secrets:
        assert secret not in written
        assert secret not in output, secret


@pytest.mark.parametrize(
    "hiding",
    [
        {"redaction": {"mask": ["details.pin"]}},
        {"redaction": {"values": ["1235", "2026", "20"]}},
        {"sinks": [{"type": "stdout"}, {"type": "http", "url": "http://127.0.0.1:9/", "headers": {"X-Org": "1"}}]},
    ],
)
def test_what_is_hidden_is_not_cut_out_of_numbers_and_hashes(tmp_path: Path, hiding: dict[str, Any]) -> None:
    log(tmp_path).append([an_event(number) for number in range(1233)])
    pins = ["1235", *(f"{number:02x}" * 2 for number in range(256))]
    done = emit(tmp_path, **{"events": [{**EVENT, "details": {"pin": pins}}], "sinks": [{"type": "stdout"}], **hiding})
    assert done["head"] == asdict(log(tmp_path).head()) and done["head"]["seq"] == 1235
    assert done["printed"]["hash"] == done["head"]["hash"]
    assert done["lines"][-1].encode() + b"\n" == lines(files(tmp_path).current)[-1]


def test_a_forged_log_that_begins_beyond_the_checkpoint_is_not_continued(tmp_path: Path) -> None:
    head = filled(tmp_path, 9, 1)
    files(tmp_path).current.write_bytes(chained([an_event()], Head(1, head.seq, "cd" * 32)))
    anchor = {"origin": "o", "size": head.seq, "hash": head.hash, "segment": 1}
    done = emit(tmp_path, events=[EVENT], anchor=anchor, origin="o")
    assert "missing" in done["discontinued"]


def test_verify_says_what_is_proven_and_exports(tmp_path: Path) -> None:
    filled(tmp_path / "log")
    done = verified(tmp_path / "log", export=str(tmp_path / "log.csv"))
    assert (done["verdict"], done["changed"], done["exported"]) == ("unproven", True, done["records"])
    with (tmp_path / "log.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [int(row["seq"]) for row in rows] == list(range(1, done["records"] + 1))
    assert rows[1]["operation"] == "switch" and rows[1]["outcome"] == "success"
    assert verified(tmp_path / "log", fail_on="unproven")["failed"]
    done = verified(tmp_path / "log", export=str(tmp_path / "not.csv"), _ansible_check_mode=True)
    assert not done["changed"] and not (tmp_path / "not.csv").exists()


def test_a_broken_log_fails_with_its_place_and_is_not_exported(tmp_path: Path) -> None:
    filled(tmp_path / "log")
    current = files(tmp_path / "log").current
    changed = lines(current)
    changed[3] = changed[3].replace(b'"success"', b'"failure"')
    current.write_bytes(b"".join(changed))
    done = verified(tmp_path / "log", export=str(tmp_path / "log.csv"))
    assert done["failed"] and f"{current}, line 4" in done["msg"] and "edited" in done["msg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log"]
    assert verified(tmp_path / "log", fail_on="never")["verdict"] == "broken"


def test_a_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no such audit log" in verified(tmp_path)["msg"]


@pytest.mark.parametrize("kind", ["stdout", "syslog"])
def test_a_sink_of_a_log_that_has_not_begun(tmp_path: Path, kind: str) -> None:
    done = emit(tmp_path / "none", sinks=[{"type": kind}])
    assert not done["changed"] and [it["behind"] for it in done["deliveries"]] == [0], done


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    filled(tmp_path)
    (files(tmp_path).top / "outbox").write_text("", encoding="utf-8")
    done = emit(tmp_path, sinks=[{"type": "syslog", "address": str(tmp_path / "none")}])
    assert "outbox" in done["msg"] and done["error"]["kind"] == "system", done


def test_what_was_not_printed_does_not_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ansible_collections.slipway.release.plugins.module_utils._audit.event.utc",
        lambda: "2020-01-01T00:00:00.000+00:00",
    )
    filled(tmp_path)
    first, second = (read(lines(files(tmp_path).plain(number))[-1][:-1]) for number in (1, 2))
    given: dict[str, Any] = {"command": "expire", "retention_days": 30, "sinks": [{"type": "stdout"}]}
    for got, expired in ((first.seq - 1, []), (first.seq, [1]), (second.seq, [1, 2])):
        place = {"segment": 1, "offset": 0, "seq": got, "hash": "ab" * 32}
        assert emit(tmp_path, printed=place, **given)["expired"] == expired
    assert emit(tmp_path, **given)["expired"] == []


def test_a_record_that_cannot_be_exported_is_a_finding(tmp_path: Path) -> None:
    head = filled(tmp_path / "log")
    with files(tmp_path / "log").current.open("ab") as handle:
        handle.write(chained([{"type": "x"}], head))
    done = verified(tmp_path / "log", export=str(tmp_path / "log.json"), export_format="ocsf")
    assert done["failed"] and "says no time" in done["msg"] and not (tmp_path / "log.json").exists()


def test_a_cell_is_no_formula(tmp_path: Path) -> None:
    log(tmp_path / "log").append([an_event(target="=HYPERLINK(1)", result="-1")])
    verified(tmp_path / "log", export=str(tmp_path / "log.csv"))
    row = list(csv.DictReader((tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()))[-1]
    assert (row["target"], row["result"]) == ("'=HYPERLINK(1)", "'-1")


def test_ocsf_has_what_its_class_requires(tmp_path: Path) -> None:
    log(tmp_path / "log").append([an_event(7, target="shop", initiator={"user": "ada", "source_ip": "192.0.2.7"})])
    verified(tmp_path / "log", export=str(tmp_path / "log.json"), export_format="ocsf")
    found = [json.loads(line) for line in (tmp_path / "log.json").read_text(encoding="utf-8").splitlines()][-1]
    assert (found["class_uid"], found["category_uid"], found["type_uid"], found["activity_id"]) == (6003, 6, 600399, 99)
    assert found["actor"]["user"]["name"] == "ada" and found["src_endpoint"]["ip"] == "192.0.2.7"
    assert found["status_id"] == 1 and found["resources"] == [{"name": "shop"}]
    assert found["unmapped"]["token"] == 7 and found["metadata"]["sequence"] == 2
    assert isinstance(found["time"], int) and found["metadata"]["version"] and found["api"]["operation"] == "switch"


class Play:
    """A play on this computer, with a key of the controller."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.variables: dict[str, str] = {}
        (directory / "key.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
        self.common = {
            "stream": STREAM,
            "directory": str(directory / "log"),
            "checkpoint_directory": str(directory / "kept"),
        }

    def emit(self, **options: Any) -> dict[str, Any]:
        """A task that writes."""
        key = {"signing_key": str(self.directory / "key.pem")}
        return {"slipway.release.audit_emit": {**self.common, **key, **options}}

    def verify(self, **options: Any) -> dict[str, Any]:
        """A task that reads."""
        return {"slipway.release.audit_verify": {**self.common, "fail_on": "unproven", **options}}

    def run(self, *tasks: dict[str, Any]) -> tuple[int, str]:
        """Exit code and output."""
        inventory = {"all": {"hosts": {"db1": {**LOCAL, **self.variables}}}}
        book = [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]
        done = play(self.directory, book, inventory, COLLECTIONS)
        return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("broken", [{}, {"nonsense": 1}])
def test_no_secret_in_the_output_of_a_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any]
) -> None:
    for name, value in (("VERBOSITY", "4"), ("DIFF_ALWAYS", "1")):
        monkeypatch.setenv(f"ANSIBLE_{name}", value)
    event = {**EVENT, "details": {"card": "{{ card }}", "password": "{{ card }}-2", "text": "x {{ card }}-9 y"}}
    redaction = {"mask": ["details.card"], "patterns": [r"\S+-9"]}
    scene = Play(tmp_path)
    scene.variables = {"card": SECRET}
    code, output = scene.run(scene.emit(events=[event], redaction=redaction, **broken))
    assert (code != 0) == bool(broken), output
    assert "audit_emit" in output and SECRET not in output


def test_no_secret_in_the_system_log_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    spy = f"import syslog\nsyslog.syslog = lambda *a: open({str(tmp_path / 'syslog')!r}, 'a').write(repr(a) + '\\n')\n"
    (site / "sitecustomize.py").write_text(spy, encoding="utf-8")
    (site / "systemd.py").write_text("raise ImportError\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site))
    scene = Play(tmp_path)
    scene.variables = {"card": SECRET}
    event = {**EVENT, "details": {"card": "{{ card }}"}}
    emit_task = scene.emit(events=[event], context={"result": "{{ card }}"}, redaction={"mask": ["**.card", "result"]})
    code, output = scene.run(emit_task, scene.verify())
    assert code == 0, output
    told = (tmp_path / "syslog").read_text(encoding="utf-8")
    assert "export_format" in told and SECRET not in told


def test_a_checkpoint_is_signed_here_and_proves_the_log_there(tmp_path: Path) -> None:
    scene = Play(tmp_path)
    code, output = scene.run(scene.emit(events=[EVENT], sinks=[{"type": "stdout"}]), scene.verify())
    assert code == 0, output
    assert '"event":{"action":"switch"' in output
    assert len(list((tmp_path / "kept/db1/deployments/notes").glob("*.note"))) == 1
    assert recorded(tmp_path / "log")[-1]["initiator"]["user"]
    assert not any(b"PRIVATE" in path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file())

    code, output = scene.run(scene.emit(events=[EVENT], sinks=[{"type": "stdout"}]), scene.verify())
    assert code == 0 and output.count('"operation":"log.open"') == 0, output

    log(tmp_path / "log").append([an_event()])
    code, output = scene.run(scene.verify())
    assert code != 0 and "unproven" in output

    current = files(tmp_path / "log").current
    current.unlink()
    log(tmp_path / "log").append([an_event(number) for number in range(9)])
    code, output = scene.run(scene.emit(events=[EVENT]))
    assert code != 0 and "forked" in output and "nothing is signed" in output
    assert len(list((tmp_path / "kept/db1/deployments/notes").glob("*.note"))) == 2


def test_checkpoints_of_an_earlier_key_count_with_a_key_that_is_given(tmp_path: Path) -> None:
    scene = Play(tmp_path)
    code, output = scene.run(scene.emit(events=[EVENT]))
    assert code == 0, output
    (tmp_path / "key.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
    key = Signer(tmp_path / "key.pem", "slipway.release/audit").key.text()
    code, output = scene.run(scene.emit(events=[EVENT]), scene.verify(public_keys=[key]))
    assert code == 0, output


def test_expiry_leaves_a_tombstone_that_is_signed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Play(tmp_path)
    with monkeypatch.context() as earlier:
        earlier.setattr(
            "ansible_collections.slipway.release.plugins.module_utils._audit.event.utc",
            lambda: "2020-01-01T00:00:00.000+00:00",
        )
        filled(tmp_path / "log", pack=True)
    expire = {"command": "expire", "retention_days": 30}
    code, output = scene.run(scene.emit(**expire, signing_key=""))
    assert code != 0 and "signed" in output
    code, output = scene.run(scene.emit(**expire), scene.emit(**expire), scene.verify())
    assert code == 0 and "changed=1" in output, output
    assert files(tmp_path / "log").closed() == {}


def test_a_log_that_was_rewritten_does_not_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Play(tmp_path)
    monkeypatch.setattr(
        "ansible_collections.slipway.release.plugins.module_utils._audit.event.utc",
        lambda: "2020-01-01T00:00:00.000+00:00",
    )
    filled(tmp_path / "log")
    code, output = scene.run(scene.emit())
    assert code == 0, output
    shutil.rmtree(tmp_path / "log")
    filled(tmp_path / "log")
    kept = list(files(tmp_path / "log").closed())
    code, output = scene.run(scene.emit(command="expire", retention_days=30))
    assert code != 0 and "nothing is signed" in output
    assert list(files(tmp_path / "log").closed()) == kept
    assert not files(tmp_path / "log").tombstones.exists()


class Answering(ActionModule):
    """The action with a host that answers what it likes."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []
        self._task = SimpleNamespace(check_mode=False)
        self._templar = SimpleNamespace(template=lambda value: value)

    def _execute_module(self, **call: Any) -> dict[str, Any]:
        self.asked.append(call["module_args"])
        return self.answers.pop(0)

    def go(self, directory: Path, command: str) -> dict[str, Any]:
        """Run a task for db1."""
        (directory / "key.pem").write_bytes(pem(KEY))
        mine = dict.fromkeys(OF_THE_CONTROLLER, "")
        mine |= {"signing_key": str(directory / "key.pem"), "checkpoint_directory": str(directory / "kept")}
        return self._run({"stream": STREAM, "origin": "db1/x", "command": command}, mine, {"ansible_user": "ada"})


KEY = Ed25519PrivateKey.generate()
HEAD = {"segment": 1, "seq": 9, "hash": "aa" * 32}
DUE = {"origin": "db2/x", "size": 5, "hash": "cc" * 32, "segment": 1}


def test_a_host_gets_no_signature_but_of_the_expiry_of_its_own_log(tmp_path: Path) -> None:
    action = Answering([{"head": HEAD, "due": DUE}, {"head": HEAD}])
    action.go(tmp_path, "emit")
    assert len(action.asked) == 1
    action = Answering([{"head": HEAD, "due": DUE}, {"head": HEAD}])
    action.go(tmp_path, "expire")
    assert action.asked[0]["tombstone"].startswith("db1/x/tombstone\n5\n")


@pytest.mark.parametrize(
    "due", [{**DUE, "size": 10}, {**DUE, "size": 9}, {**DUE, "hash": "x"}, {**DUE, "size": "5"}, 1]
)
def test_a_tombstone_that_contradicts_what_was_signed_is_refused(tmp_path: Path, due: Any) -> None:
    Answering([{"head": HEAD}]).go(tmp_path, "emit")
    action = Answering([{"head": HEAD, "due": due}, {"head": HEAD}])
    with pytest.raises(StateError):
        action.go(tmp_path, "expire")
    assert len(action.asked) == 1


@pytest.mark.parametrize(
    "head", [{**HEAD, "hash": "bb" * 32}, {**HEAD, "seq": 8}, {**HEAD, "seq": "VALUE"}, {**HEAD, "hash": "**"}, None]
)
def test_a_head_that_contradicts_what_was_signed_is_refused(tmp_path: Path, head: Any) -> None:
    Answering([{"head": HEAD}]).go(tmp_path, "emit")
    notes = {path: path.read_bytes() for path in tmp_path.rglob("*.note")}
    with pytest.raises(StateError):
        Answering([{"head": head}]).go(tmp_path, "emit")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.note")} == notes


def test_a_place_that_is_none_is_not_remembered(tmp_path: Path) -> None:
    printed = {"segment": 1, "offset": 3, "seq": 9, "hash": "****"}
    with pytest.raises(StateError):
        Answering([{"head": HEAD, "printed": printed, "lines": ["x"]}]).go(tmp_path, "emit")
    assert not list(tmp_path.rglob("printed.json"))


def test_a_module_that_acts_writes_intent_and_outcome_itself(tmp_path: Path) -> None:
    option = {"stream": STREAM, "directory": str(tmp_path), "context": {"deployment": "d1"}, "mask": [], "values": []}
    audit = auditor(option, check_mode=False)
    with audit.operation("balancer", "switch", target="lb1") as act:
        assert recorded(tmp_path)[-1]["outcome"] == "pending"
        act.result = "generation 7"
    with pytest.raises(StateError), audit.operation("balancer", "switch", target="lb1"):
        raise StateError("no", where="lb1", remedy="wait")
    intent, outcome, second, failure = recorded(tmp_path)[1:]
    assert outcome["correlation"] == intent["id"] and failure["correlation"] == second["id"]
    assert (outcome["outcome"], outcome["result"], outcome["deployment"]) == ("success", "generation 7", "d1")
    assert (failure["outcome"], failure["details"]["error"]) == ("failure", "state")
    assert audit.as_result()["audit"]["seq"] == 5


def test_an_act_whose_intent_cannot_be_written_does_not_happen(tmp_path: Path) -> None:
    filled(tmp_path)
    with files(tmp_path).current.open("ab") as handle:
        handle.write(b"garbage\n")
    acted = []
    with pytest.raises(StateError), Auditor(log(tmp_path), {}, Redactor()).operation("balancer", "switch"):
        acted.append(1)
    assert acted == []


def test_without_an_audit_log_and_in_check_mode_nothing_is_written(tmp_path: Path) -> None:
    option = {"stream": STREAM, "directory": str(tmp_path / "x"), "context": {}, "mask": [], "values": []}
    for audit in (auditor(None, check_mode=False), auditor(option, check_mode=True)):
        with audit.operation("balancer", "switch"):
            pass
        assert audit.as_result() == {}
    assert not (tmp_path / "x").exists()
