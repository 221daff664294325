# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts on the controller: the four kinds, equal bytes for equal content, and refusals."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._release.artifact import resolve
from ansible_collections.slipway.release.plugins.module_utils._release.fetch import Limits, fetch, shown


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "run").write_text("#!/bin/sh\n")
    (root / "bin" / "run").chmod(0o755)
    (root / "readme").write_text("hello\n")
    (root / "link").symlink_to("readme")
    return root


class Origin(BaseHTTPRequestHandler):
    body = b"archive bytes" * 1000

    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body[:100] if self.path == "/cut" else self.body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def origin():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_file(tmp_path):
    archive = tmp_path / "shop.tar.gz"
    archive.write_bytes(b"x")
    resolved = resolve(str(archive), None, tmp_path / "cache")
    assert (resolved.kind, resolved.location, resolved.path) == ("file", str(archive), archive)
    assert resolved.sha256 == hashlib.sha256(b"x").hexdigest()


def test_checksum_is_compared(tmp_path, tree):
    with pytest.raises(InputError, match="expected"):
        resolve(str(tree), "0" * 64, tmp_path / "cache")


def test_directory_bytes_depend_on_content_alone(tmp_path, tree):
    first = resolve(str(tree), None, tmp_path / "one")
    os.utime(tree / "readme", (1, 1))
    (tree / "readme").chmod(0o600)
    second = resolve(str(tree), first.sha256.upper(), tmp_path / "two")
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()
    (tree / "bin" / "run").chmod(0o644)
    assert resolve(str(tree), None, tmp_path / "one").sha256 != first.sha256
    with tarfile.open(first.path) as tar:
        assert tar.getnames() == ["bin", "bin/run", "link", "readme"]


def test_directory_with_a_device_or_pipe_is_refused(tmp_path, tree):
    os.mkfifo(tree / "pipe")
    with pytest.raises(InputError, match="pipe"):
        resolve(str(tree), None, tmp_path / "cache")


def git(directory, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


@pytest.mark.parametrize("scheme", ["git+{}", "git+file://{}"])
def test_git_reference(tmp_path, tree, scheme):
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "one")
    git(tree, "tag", "v1")
    (tree / "readme").write_text("changed, not committed\n")
    resolved = resolve(scheme.format(tree) + "#v1", None, tmp_path / "cache")
    assert resolved.kind == "git" and len(resolved.commit) == 40 and resolved.built > 0
    with tarfile.open(resolved.path) as tar:
        assert tar.extractfile("readme").read() == b"hello\n"
    assert resolve(scheme.format(tree) + "#main", resolved.sha256, tmp_path / "other").sha256 == resolved.sha256


@pytest.mark.parametrize(
    "bad", ["git+#v1", "git+/nowhere", "git+/nowhere#--upload-pack=x", "git+/nowhere#v1", "/no/such", ""]
)
def test_what_is_not_there_is_an_input_error(tmp_path, bad):
    with pytest.raises(InputError):
        resolve(bad, None, tmp_path / "cache")


def test_url_with_a_checksum_is_not_read(tmp_path):
    resolved = resolve("http://127.0.0.1:1/shop.tar.gz", "F" * 64, tmp_path / "cache")
    assert resolved == type(resolved)("url", "http://127.0.0.1:1/shop.tar.gz", "f" * 64)
    assert not (tmp_path / "cache").exists()


def test_url_without_a_checksum_is_read(tmp_path, origin):
    resolved = resolve(f"{origin}/shop.tar.gz", None, tmp_path / "cache")
    assert resolved.sha256 == hashlib.sha256(Origin.body).hexdigest()
    assert resolved.location == f"{origin}/shop.tar.gz"
    assert resolved.path.read_bytes() == Origin.body
    assert [item.name for item in (tmp_path / "cache").iterdir()] == [resolved.path.name]


@pytest.mark.parametrize("path", ["missing", "cut"])
def test_a_broken_answer_leaves_nothing(tmp_path, origin, path):
    with pytest.raises(SystemFailure):
        resolve(f"{origin}/{path}", None, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_url_with_a_password_is_refused_without_showing_it(tmp_path):
    with pytest.raises(InputError) as caught:
        resolve("https://me:hunter2@example.invalid/a", "f" * 64, tmp_path)
    assert "hunter2" not in caught.value.message()
    assert shown("https://example.invalid/a?signature=hunter2") == "https://example.invalid/a"


def test_an_artifact_larger_than_allowed_is_refused(tmp_path, origin):
    with pytest.raises(InputError, match="larger"):
        fetch(f"{origin}/big", tmp_path / "target", Limits(max_bytes=100))
