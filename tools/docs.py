# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generates the reference documentation from the sources that define it; with ``--check`` only compares.

Writes ``docs/variables.md``, ``docs/migrations-lint.md``, ``docs/reference/`` and ``roles/*/README.md``. Also
refuses a role whose defaults and argument specs disagree. Runs in a development environment, which has ansible-doc.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.release.plugins.module_utils._inputs.spec import SPEC

from tools.environments import COLLECTIONS, TOP
from tools.lint_rules import lint_page
from tools.markdown import bullets, option_table, return_table, text

COLLECTION = "slipway.release"
REFERENCE = Path("docs") / "reference"
KINDS = {"module": "Modules", "filter": "Filters", "lookup": "Lookups", "callback": "Callbacks", "test": "Tests"}
Plugins = dict[str, dict[str, dict[str, Any]]]

NOTICE = "<!-- Made by 'make docs'; do not edit. -->\n"


def main() -> int:
    """Write the pages, or say which are out of date."""
    parser = argparse.ArgumentParser(description="generate the reference documentation")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a page is out of date")
    check: bool = parser.parse_args().check
    documented = documented_plugins()
    pages = dict(all_pages(documented))
    problems = [*plugin_problems(documented), *role_problems()]
    stale = [path for path, content in pages.items() if current(path) != content]
    left = [path for path in sorted(REFERENCE.glob("*.md")) if path not in pages]
    if check:
        problems += [f"{path} is out of date; run 'make docs'" for path in [*stale, *left]]
    else:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[path], encoding="utf-8")
        for path in left:
            path.unlink()
        print(f"docs: {len(stale)} of {len(pages)} pages written, {len(left)} removed")
    for problem in problems:
        print(f"docs: {problem}")
    return 1 if problems else 0


def current(path: Path) -> str | None:
    """The page as it is now."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def all_pages(documented: Plugins) -> Iterator[tuple[Path, str]]:
    """Every generated page."""
    yield Path("docs") / "variables.md", variables_page()
    yield Path("docs") / "migrations-lint.md", NOTICE + lint_page()
    index: list[str] = []
    for kind, heading in KINDS.items():
        plugins = {name: plugin for name, plugin in documented[kind].items() if "doc" in plugin}
        if not plugins:
            continue
        index.append(f"## {heading}\n")
        for name, plugin in sorted(plugins.items()):
            page = REFERENCE / f"{name.rpartition('.')[2]}_{kind}.md"
            index.append(f"- [{name}]({page.name}): {text(plugin['doc']['short_description'])}")
            yield page, plugin_page(name, plugin)
        index.append("")
    index.append("## Roles\n")
    for role, entry_points in roles():
        index.append(f"- [{COLLECTION}.{role}](../../roles/{role}/README.md): {'; '.join(summaries(entry_points))}")
        yield Path("roles") / role / "README.md", role_page(role, entry_points)
    yield REFERENCE / "README.md", "\n".join([NOTICE, f"# Reference of {COLLECTION}\n", *index, ""])


def variables_page() -> str:
    """What an operator writes."""
    return "\n".join(
        [
            NOTICE,
            "# Variables of an operator\n",
            "These stand in the inventory or on the command line. All are validated before anything is touched.\n",
            option_table(SPEC),
            "",
        ]
    )


def documented_plugins() -> Plugins:
    """What ansible-doc knows of the collection, by kind and name."""
    command = ["ansible-doc", "--metadata-dump", "--no-fail-on-errors", COLLECTION]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    dump = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=True).stdout
    found: Plugins = json.loads(dump)["all"]
    return {kind: found.get(kind) or {} for kind in KINDS}


def plugin_page(name: str, plugin: Mapping[str, Any]) -> str:
    """One module or plugin."""
    doc = plugin["doc"]
    parts = [NOTICE, f"# {name}\n", f"{text(doc['short_description'])}.\n", bullets(doc["description"]), ""]
    if doc.get("requirements"):
        parts += ["## Requirements\n", bullets(doc["requirements"]), ""]
    if doc.get("options"):
        parts += ["## Options\n", option_table(doc["options"]), ""]
    if doc.get("attributes"):
        parts += ["## Attributes\n", attribute_list(doc["attributes"]), ""]
    if doc.get("notes"):
        parts += ["## Notes\n", bullets(doc["notes"]), ""]
    if plugin.get("examples"):
        parts += ["## Examples\n", f"```yaml\n{plugin['examples'].strip()}\n```", ""]
    if plugin.get("return"):
        parts += ["## Returns\n", return_table(plugin["return"]), ""]
    return "\n".join(parts)


def attribute_list(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """What a module supports."""
    return bullets(
        f"C({name}): B({attribute['support']}). {text(attribute.get('description', ''))} "
        f"{text(attribute.get('details', ''))}"
        for name, attribute in attributes.items()
    )


def roles() -> Iterator[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    """Each role's entry points by name."""
    for specs in sorted(Path("roles").glob("*/meta/argument_specs.yml")):
        yield specs.parent.parent.name, yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]


def summaries(entry_points: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The short description of each entry point."""
    return [text(entry_point["short_description"]) for entry_point in entry_points.values()]


def role_page(role: str, entry_points: Mapping[str, Mapping[str, Any]]) -> str:
    """One role with its entry points."""
    parts = [NOTICE, f"# {COLLECTION}.{role}\n"]
    for name, entry_point in entry_points.items():
        summary = text(entry_point["short_description"])
        task = [f"- name: {summary}", "  ansible.builtin.include_role:", f"    name: {COLLECTION}.{role}"]
        if name != "main":
            task.append(f"    tasks_from: {name}")
        parts += [f"## Entry point {name}\n", f"{summary}.\n", bullets(entry_point.get("description", [])), ""]
        parts += ["```yaml", *task, "```\n"]
        if entry_point.get("options"):
            parts += [option_table(entry_point["options"]), ""]
    return "\n".join(parts)


def plugin_problems(documented: Plugins) -> Iterator[str]:
    """Plugins that ansible-doc finds no documentation of."""
    for plugins in documented.values():
        for name, plugin in plugins.items():
            if "error" in plugin:
                yield f"{name}: {plugin['error'].strip()}"


def role_problems() -> Iterator[str]:
    """Where a role's defaults and argument specs disagree, and roles without argument specs."""
    for directory in sorted(Path("roles").iterdir()):
        if not (directory / "meta" / "argument_specs.yml").exists():
            yield f"{directory}: meta/argument_specs.yml is missing"
    for role, entry_points in roles():
        defaults = role_defaults(role)
        options: dict[str, Any] = {}
        for entry_point in entry_points.values():
            options.update(entry_point.get("options") or {})
        for name in sorted(defaults.keys() - options.keys()):
            yield f"roles/{role}: {name} has a default and no argument spec"
        for name, option in options.items():
            if "default" in option and name not in defaults:
                yield f"roles/{role}: {name} has a default in the argument spec only; put it into the defaults too"
            elif "default" in option and option["default"] != defaults[name]:
                yield f"roles/{role}: {name} has one default in the argument spec and another in the defaults"


def role_defaults(role: str) -> Mapping[str, Any]:
    """The role's defaults, from ``defaults/main.yml`` or all files below ``defaults/main``; internal names left out."""
    directory = Path("roles") / role / "defaults"
    defaults: dict[str, Any] = {}
    for path in [*directory.glob("main.yml"), *sorted(directory.glob("main/*.yml"))]:
        defaults.update(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    return {name: value for name, value in defaults.items() if not name.startswith("__")}


if __name__ == "__main__":
    os.chdir(TOP)
    sys.exit(main())
