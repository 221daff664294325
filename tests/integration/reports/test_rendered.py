# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as a browser shows and prints them: nothing sticks out, is cut or faint, and nobody is asked for anything."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from pathlib import Path

import pytest

from .conftest import ORIGIN, Browser

NAMES = ("good", "failed", "hostile", "quarter", "unproven")
A4 = (595, 842)
ELSEWHERE = "http://elsewhere.example/x.png"
IMAGE = f"<img src='{ELSEWHERE}'>"
ROWS = re.compile(r"<td[^>]*><span>(?:<[^>]+>)*([^<]+)")


def cells(page: str) -> set[str]:
    """What stands in the cells of all tables."""
    return {" ".join(unescape(found).split()) for found in ROWS.findall(page)}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_seen_and_nothing_sticks_out(
    browser: Browser, pages: dict[str, str], name: str, width: int
) -> None:
    found = browser.measured(name, width)
    assert found["client"] == width and found["scroll"] <= width, found["sticking"]
    assert (found["sticking"], found["cut"], found["faint"]) == ([], [], [])
    assert found["scripts"] == 0
    text = " ".join(found["text"].split())
    wanted = cells(pages[name])
    assert len(wanted) > 20 and [cell for cell in wanted if cell not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read_in_the_dark(browser: Browser, name: str) -> None:
    found = browser.measured(name, 1280, dark=True)
    assert found["dark"] and found["background"] == "rgb(18, 22, 27)"
    assert found["faint"] == []


def test_what_sticks_out_or_is_faint_would_be_seen(browser: Browser, pages: dict[str, str]) -> None:
    wide = pages["good"].replace("overflow-wrap: anywhere", "overflow-wrap: normal")
    wide = wide.replace("<h1>", "<h1>" + "x" * 400).replace("style-src 'sha256-", "style-src 'unsafe-inline' 'x")
    browser.served["wide"] = wide.replace("--quiet: #57606a", "--quiet: #b0b6bd")
    found = browser.measured("wide", 360)
    assert found["scroll"] > 360 and found["faint"]


def test_a_style_that_was_changed_is_not_used(browser: Browser, pages: dict[str, str]) -> None:
    browser.served["changed"] = pages["good"].replace("--paper: #12161b", "--paper: #12161c")
    assert browser.measured("changed", 1280, dark=True)["background"] != "rgb(18, 22, 28)"


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_asked_for_anything(browser: Browser, name: str) -> None:
    browser.run(name, "--dump-dom")
    assert browser.asked == [f"{ORIGIN}/{name}"]


def test_its_policy_keeps_what_is_put_into_it_from_asking_anybody(browser: Browser, pages: dict[str, str]) -> None:
    browser.served["put"] = pages["good"].replace("<h1>", f"{IMAGE}<h1>")
    browser.run("put", "--dump-dom")
    assert ELSEWHERE not in browser.asked
    browser.served["free"] = re.sub(r"<meta http-equiv[^>]*>", "", browser.served["put"])
    browser.run("free", "--dump-dom")
    assert ELSEWHERE in browser.asked, "the proxy would not have seen it either"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_whole_on_paper(browser: Browser, pages: dict[str, str], tmp_path: Path, name: str) -> None:
    printed = tmp_path / f"{name}.pdf"
    browser.run(name, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    boxes = subprocess.run(["pdftotext", "-bbox", str(printed), "-"], capture_output=True, text=True, check=True).stdout
    sheets = boxes.split("<page ")[1:]
    for sheet in sheets:
        size = re.match(r'width="([\d.]+)" height="([\d.]+)"', sheet)
        assert size and (round(float(size[1])), round(float(size[2]))) == A4
        words = re.findall(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)"', sheet)
        assert words, "an empty sheet"
        for left, top, right, bottom in (map(float, word) for word in words):
            assert left >= 40 and right <= A4[0] - 40 and top >= 40 and bottom <= A4[1] - 40
    text = subprocess.run(["pdftotext", "-raw", str(printed), "-"], capture_output=True, text=True, check=True).stdout
    flat = "".join(text.split())
    missing = [cell for cell in cells(pages[name]) if "".join(cell.split()) not in flat]
    assert missing == []
