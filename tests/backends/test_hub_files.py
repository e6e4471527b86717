"""An encoder from the Hub at a pinned commit, against a scripted Hub on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.hub_files import HubName, fetch, is_whole, name_of
from modicum.errors import InputError, UpstreamError

pytest.importorskip("huggingface_hub")

COMMIT = "a" * 40
NAME = HubName(id="org/model", commit=COMMIT)
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights" * 100,
    "tokenizer.json": b'{"model": 1}',
    "README.md": b"---\nlicense: mit\n---\n",
    "pytorch_model.bin": b"a pickle",
    "modeling.py": b"import os",
}


class Scripted:
    """A Hub with one model, and what it was asked for."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.lies: dict[str, str] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.size: int | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                wanted = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())["paths"]
                self._note()
                rows = [outer._row(path) for path in wanted if path in outer.files]
                known = f"/paths-info/{COMMIT}" in self.path and "org/model" in self.path
                body = json.dumps((rows if known else []) if outer.status == 200 else {"error": "no"}).encode()
                self.send_response(outer.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self, *, body: bool = True) -> None:
                self._note()
                file = unquote(urlsplit(self.path).path).removeprefix(f"/org/model/resolve/{COMMIT}/")
                data = outer.files.get(file)
                self.send_response(404 if data is None else 200)
                if data is None:
                    self.send_header("x-error-code", "EntryNotFound")
                self.send_header("etag", f'"{hashlib.sha256(data or b"").hexdigest()}"')
                self.send_header("x-repo-commit", COMMIT)
                self.send_header("content-length", str(len(data or b"")))
                self.end_headers()
                if body:
                    self.wfile.write(data or b"")

            def do_HEAD(self) -> None:
                self.do_GET(body=False)

            def _note(self) -> None:
                outer.asked.append(f"{self.command} {urlsplit(self.path).path}")
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _row(self, path: str) -> dict[str, object]:
        data = self.files[path]
        row: dict[str, object] = {"type": "file", "path": path, "size": self.size or len(data), "oid": "1"}
        if path.endswith(".safetensors"):
            digest = self.lies.get(path) or hashlib.sha256(data).hexdigest()
            row["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 1}
        return row


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    made = Scripted()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_sent")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_what_is_needed_is_fetched_once_and_no_key_is_sent(hub: Scripted, tmp_path: Path) -> None:
    place = fetch(NAME, tmp_path)
    assert place == tmp_path / f"org--model-{COMMIT}" and is_whole(place)
    names = {path.name for path in place.rglob("*") if path.is_file()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "README.md", "digests.json"}, "no pickle and no code"
    assert (place / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert not any("hf_not" in value for headers in hub.headers for value in headers.values())
    asked = len(hub.asked)
    assert fetch(NAME, tmp_path) == place and len(hub.asked) == asked
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


def test_what_was_changed_afterwards_is_fetched_again(hub: Scripted, tmp_path: Path) -> None:
    place = fetch(NAME, tmp_path)
    (place / "model.safetensors").write_bytes(b"other")
    assert not is_whole(place)
    assert is_whole(fetch(NAME, tmp_path))


def test_what_is_not_what_the_hub_said_is_refused(hub: Scripted, tmp_path: Path) -> None:
    hub.lies["model.safetensors"] = "0" * 64
    with pytest.raises((InputError, UpstreamError)):
        fetch(NAME, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_pickles_is_refused(hub: Scripted, tmp_path: Path) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(InputError, match=r"model\.safetensors"):
        fetch(NAME, tmp_path)
    assert not any("resolve" in asked for asked in hub.asked), "nothing was downloaded"


def test_one_that_is_too_large_is_refused(hub: Scripted, tmp_path: Path) -> None:
    hub.size = 5 * 1024**3
    with pytest.raises(InputError, match="bytes"):
        fetch(NAME, tmp_path)


def test_a_refusal_of_the_hub_is_told(hub: Scripted, tmp_path: Path) -> None:
    hub.status = 403
    with pytest.raises(UpstreamError, match="403"):
        fetch(NAME, tmp_path)


def test_without_a_network_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UpstreamError, match="HF_HUB_OFFLINE"):
        fetch(NAME, tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UpstreamError, match="cannot be reached"):
        fetch(NAME, tmp_path)


def test_names() -> None:
    assert name_of(f"hf:org/model@{COMMIT}") == NAME
    assert name_of("models/minilm") is None and name_of("/srv/hf/minilm") is None
    for odd in (
        "hf:org/model",
        "hf:org/model@main",
        f"hf:model@{COMMIT}",
        f"hf:../x@{COMMIT}",
        f"hf:org/..@{COMMIT}",
        f"hf:a/b/c@{COMMIT}",
    ):
        with pytest.raises(InputError, match="commit"):
            name_of(odd)


@given(st.text(max_size=80))
def test_no_name_leaves_the_folder(text: str) -> None:
    try:
        found = name_of(f"hf:{text}@{COMMIT}")
    except InputError:
        return
    assert found is not None and "/" not in found.id.replace("/", "--") and found.id.split("/")[0] != ".." and found.id.count("/") == 1
