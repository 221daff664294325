# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a deployment: its figures counted again, the page as it is seen, the files as they are written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger
from ansible_collections.slipway.release.plugins.module_utils._report.deployment import figures
from ansible_collections.slipway.release.plugins.module_utils._report.deployment_page import rendered
from ansible_collections.slipway.release.plugins.module_utils._report.evidence import document_of, read_copy
from ansible_collections.slipway.release.plugins.module_utils._report.logs import NOTHING
from ansible_collections.slipway.release.plugins.modules import deployment_report

from tests.unit.evidence.test_document import good_canary
from tests.unit.ledger.made import SetClock

from ..running import play
from . import made
from .seen import Page, refuse_what_asks_others, refuse_what_is_not_accessible

COLLECTIONS = Path(deployment_report.__file__ or "").parents[5]
DOCUMENTS = {"good": made.document(), "failed": made.failed(), "hostile": made.hostile(made.failed())}


def page_of(document: dict[str, Any], audit: dict[str, Any] | None = None) -> str:
    return rendered(figures(document, made.AUDIT if audit is None else audit))


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_page_needs_nothing_but_itself_and_can_be_read_by_everybody(document: dict[str, Any]) -> None:
    text = page_of(document)
    refuse_what_asks_others(text)
    refuse_what_is_not_accessible(text)


def test_the_figures_are_those_of_the_evidence() -> None:
    document = made.document()
    page = Page(page_of(document))
    shown = {(row["Time"], row["Balancer"]): row["green %"] for row in page.table("Slot percents")}
    asked = {
        (point["time"].replace("T", " ")[:19], point["balancer"]): str(point["percents"]["green"])
        for point in document["percents"]
    }
    assert shown == asked and len(asked) == 10
    samples = json.loads(json.dumps(document["verdicts"]))
    again = []
    for entry in samples:
        for host, found in entry["hosts"].items():
            for metric in found.get("metrics", []):
                for sample in metric["measurements"]:
                    for side, slot in (("canary", "green"), ("stable", "blue")):
                        counted = sample["value"][side]
                        rate = round(100 * counted["errors"] / counted["requests"], 2)
                        p95 = round(float(counted["latency_ms"]["p95"]), 2)
                        again.append((sample["time"][11:19], host, slot, str(counted["requests"]), rate, p95))
    rows = [
        (row["Time"][11:], row["Balancer"], row["Slot"], row["Requests"], float(row["Error %"]), float(row["p95 ms"]))
        for row in page.table("Users' requests by slot")
    ]
    assert rows == again and len(rows) == 80
    assert f"of {sum(move['sent'] for move in document['moves'])} measured while the traffic moved" in page.text
    assert f"{len(document['verdicts'])} of {len(document['verdicts'])}" in page.text
    for word in ("20 min 51 s", "bob@pc", "the slots look good", "add_coupon", "f3c1" * 10, made.AUDIT["head"]["hash"]):
        assert str(word) in page.text, word


def test_what_went_wrong_stands_at_the_top() -> None:
    page = Page(page_of(made.failed()))
    top = page.text.partition("What was deployed")[0]
    for word in (
        "The deployment ended as failed.",
        "the canary answers 7 %",
        "Left to do by hand",
        "The evidence is not whole",
        "The evidence was shortened",
        "CHG-1042, agreed by phone",
    ):
        assert word in top, word
    assert [row["Time"] for row in page.table("Slot percents")].count("not recorded") == 1
    assert "Slot green is stopped and marked failed" in page.text


def test_what_balancers_did_by_themselves_is_in_the_report_and_so_is_who_was_not_asked() -> None:
    audit = {**made.AUDIT, "verdict": "intact", "proven": 1204}
    back = {"time": made.at(60), "seq": 7, "reason": "the lease ran out", "from": {"blue": 50, "green": 50}}
    back["to"] = {"blue": 100, "green": 0}
    own = {"records": 1, "first": 7, "last": 7, "returned": [back]}
    others = [{**audit, "origin": f"{host}/deployments", "own": own} for host in ("lb2", "lb1")]
    found = figures(made.document(), audit, others, [{"host": "app1", "message": "it was not reached"}])
    assert [(one["log"], one["reason"]) for one in found["returned"]] == [
        ("lb1/deployments", "the lease ran out"),
        ("lb2/deployments", "the lease ran out"),
    ]
    page = Page(rendered(found))
    (first, _second) = page.table("Traffic that balancers have returned by themselves")
    assert (first["Log"], first["From"], first["To"]) == (
        "lb1/deployments",
        "blue 50 %, green 50 %",
        "blue 100 %, green 0 %",
    )
    assert [row["Log"] for row in page.table("Logs of other hosts and accounts")] == [
        "lb2/deployments",
        "lb1/deployments",
    ]
    assert "app1: it was not reached" in page.text
    refuse_what_is_not_accessible(rendered(found))


def test_no_notice_where_nothing_is_wrong() -> None:
    proven = {**made.AUDIT, "verdict": "intact", "proven": 1204}
    assert 'class="notice' not in page_of(made.document(), proven)
    assert "Unproven" in page_of(made.document(), {**made.AUDIT, "proven": 1199})
    assert "does not have this deployment" in page_of(made.document(), {**proven, "own": NOTHING})


def test_nothing_is_claimed_that_was_not_measured() -> None:
    bare = made.document(verdicts=[], percents=[], moves=[], profile=None, timeline=[], runs=[])
    page = Page(page_of({**bare, "plan": {}}, {}))
    for word in ("Nothing was measured by slot", "No move was measured", "Nothing was judged", "No migration was due"):
        assert word in page.text, word
    assert figures(bare, {})["requests"] == {"moves": 0, "sent": None, "lost": None}


def test_the_same_evidence_makes_the_same_page_in_every_process() -> None:
    code = (
        "import sys; from tests.unit.report.test_deployment import page_of; from tests.unit.report import made;"
        "sys.stdout.write(page_of(made.document()) + page_of(made.hostile(made.failed())))"
    )
    pages = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        )
        pages.add(done.stdout)
    assert len(pages) == 1 and b"</html>" in pages.pop()


def test_a_report_of_what_a_real_ledger_wrote(tmp_path: Path) -> None:
    clock = SetClock()
    document = good_canary(Ledger("shop", root=tmp_path, time=clock), clock)
    found = document_of("shop", "", "", root=tmp_path)
    assert found == json.loads(json.dumps(document))
    page = Page(page_of(found, {}))
    assert "2" in page.text and "of 390 measured while the traffic moved" in page.text
    rows = page.table("Slot percents")
    assert [row["green %"] for row in rows if row["Balancer"] == "lb2"] == ["0", "10", "100"]
    with pytest.raises(StateError, match="no evidence of 20200101T000000Z-000000"):
        document_of("shop", "", "20200101T000000Z-000000", root=tmp_path)
    with pytest.raises(StateError, match="no deployment has ended"):
        document_of("shop", "west", "", root=tmp_path)


@pytest.mark.parametrize(
    "names", [("../x", "", ""), ("shop", "../x", ""), ("shop", "", "../../x"), ("shop", "", "a/b")]
)
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, names: tuple[str, str, str]) -> None:
    with pytest.raises(InputError):
        document_of(*names, root=tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2}', '{"schema": "x"}'])
def test_a_copy_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(StateError):
        read_copy(tmp_path / "x.json")


class Scene:
    """A play that makes a report of a copy of the evidence."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.evidence = directory / "evidence.json"
        self.evidence.write_text(json.dumps(made.document()), encoding="utf-8")
        self.files = [directory / "out" / f"deployment-shop-{made.DEPLOYMENT}.{kind}" for kind in ("html", "json")]

    def run(self, *, check_mode: bool = False, **more: Any) -> tuple[int, str]:
        options = {"app": "shop", "evidence": str(self.evidence), "dest": str(self.directory / "out"), **more}
        tasks = [
            {"slipway.release.deployment_report": options, "register": "made", "check_mode": check_mode, "diff": True},
            {"ansible.builtin.debug": {"msg": "changed={{ made.changed }} {{ made.page }}"}},
        ]
        inventory = {"all": {"hosts": {"db1": {"ansible_connection": "local"}}}}
        book = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
        done = play(self.directory, book, inventory, COLLECTIONS)
        return done.returncode, done.stdout + done.stderr


def test_a_play_writes_both_files_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    code, output = scene.run(check_mode=True)
    assert code == 0 and "changed=True" in output and not (tmp_path / "out").exists(), output
    code, output = scene.run()
    assert code == 0 and f"changed=True {scene.files[0]}" in output, output
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in scene.files]
    assert json.loads(before[1][0])["deployment"] == made.DEPLOYMENT
    assert before[0][0].decode() == page_of(made.document(), {})
    code, output = scene.run()
    assert code == 0 and "changed=False" in output, output
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in scene.files] == before


def test_a_report_that_cannot_be_written_names_its_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, output = Scene(tmp_path).run(dest=str(tmp_path / "file" / "x"))
    assert code != 0 and "cannot be written" in output and str(tmp_path / "file") in output.replace("\n", "")


def test_what_the_checklist_after_it_has_found_is_shown() -> None:
    finding = {"place": "app1", "what": "3 lines of the log are errors", "remedy": "see 'journalctl' on app1"}
    entries = [
        {"name": "health", "verdict": "pass", "reason": "", "findings": []},
        {"name": "alerts", "verdict": "skipped", "reason": "no address is named", "findings": []},
        {"name": "log_errors", "verdict": "fail", "reason": "", "findings": [finding]},
    ]
    found = {"at": "2026-11-21T08:00:00+00:00", "verdict": "fail", "entries": entries}
    text = page_of({**made.document(), "checklist": found})
    refuse_what_is_not_accessible(text)
    page = Page(text)
    assert [(row["Item"], row["Verdict"], row["Found"], row["Remedy"]) for row in page.table("Items")] == [
        ("health", "pass", "–", "–"),
        ("alerts", "skipped", "no address is named", "–"),
        ("log_errors", "fail", "app1: 3 lines of the log are errors", "see 'journalctl' on app1"),
    ]
    assert "1 of 3 items passed" in page.text
    assert "Checklist after the deployment" not in page_of(made.document())
