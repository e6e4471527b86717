"""Control commands with --server: the same words, the same JSON and the same exit codes as on the folder itself."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.errors import ConfigError, ModicumError, NotFoundError, RemoteError, UpstreamError
from modicum.store.calls import Calls
from modicum.store.control import Control
from tests.admin.conftest import MARGIN, Served


def run(*words: str, secret: str = "") -> tuple[int, str]:
    """(exit code, standard output); an error of ours is raised."""
    result = CliRunner().invoke(cli, list(words), env={"THE_KEY": secret})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def both(served: Served, *words: str) -> str:
    """What is printed, either way."""
    here = run(*words, "--home", str(served.home))
    there = run(*words, "--server", served.url, "--admin-key-env", "THE_KEY", secret=served.admin)
    assert here[0] == there[0] and settled(there[1]) == settled(here[1])
    return there[1]


def settled(text: str) -> str:
    """Without the line of the key that only a gateway's environment holds."""
    return re.sub(r" +", " ", "\n".join(line for line in text.splitlines() if "environment" not in line and "──" not in line))


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "words",
    [
        ("workloads", "list"), ("workloads", "show", "WORKLOAD"), ("workloads", "calls", "WORKLOAD", "--limit", "3"), ("route", "list"),
        ("route", "show", "WORKLOAD"), ("certificate", "list"), ("certificate", "show", "CERTIFICATE"),
        ("certificate", "verify", "CERTIFICATE"), ("certificate", "verify", "CERTIFICATE", "--deep"), ("spend", "--by", "key,model,day"),
        ("spend", "--check"), ("spend", "--since", "2026-09-03"), ("calls", "show", "CALL"), ("why", "CALL"), ("fit", "--dry-run"),
        ("audit", "show"), ("audit", "show", "--subject", "WORKLOAD", "--action", "attempt"), ("audit", "verify"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_prints_the_same_either_way(served: Served, words: tuple[str, ...], form: str) -> None:
    control = Control(served.home)
    names = {
        "WORKLOAD": control.workloads()[0].workload_id,
        "CERTIFICATE": control.certificates()[0].certificate_id,
        "CALL": next(Calls(served.home).scan(bodies=False)).call_id,
    }
    printed = both(served, *(names.get(word, word) for word in words), "--format", form)
    assert json.loads(printed) if form == "json" else len(printed) > 20


def test_an_inventory_and_an_export_are_the_same_either_way(served: Served, tmp_path: Path) -> None:
    def told(*words: str) -> dict[str, Any]:
        code, printed = run("inventory", "--all", "--format", "json", *words, secret=served.admin)
        found: dict[str, Any] = json.loads(printed)
        return found | {"at": code}

    there = ("--server", served.url, "--admin-key-env", "THE_KEY")
    (one,) = told("--home", str(served.home))["specialists"]
    assert one["made"]["fault"] == "" and one["made"]["trained_on"] > 100 and one["proposed"]["by"] and one["last_audit"] is None
    assert told(*there) == told("--home", str(served.home))
    files = [tmp_path / "here.jsonl", tmp_path / "there.jsonl"]
    for file, way in zip(files, (("--home", str(served.home)), there), strict=True):
        assert run("audit", "export", str(file), *way, secret=served.admin)[0] == 0
    assert files[0].read_bytes().split(b"\n")[1:] == files[1].read_bytes().split(b"\n")[1:]


def test_a_certificate_is_found_by_its_first_digits_and_by_its_workload(served: Served) -> None:
    control = Control(served.home)
    (workload,) = control.workloads()
    newest = control.certificates()[-1].certificate_id
    for ref in (newest[: len("cert-") + 8], workload.name, workload.workload_id):
        assert json.loads(both(served, "certificate", "show", ref, "--format", "json"))["certificate_id"] == newest
        assert newest in both(served, "certificate", "verify", ref)
    for ref in ("cert-", "cert-zzzz", "nobody"):
        with pytest.raises(NotFoundError, match="no certificate"):
            run("certificate", "show", ref, "--home", str(served.home))


def test_keys_are_listed_the_same(served: Served) -> None:
    assert "chief" in both(served, "keys", "list")
    _, listed = run("keys", "list", "--format", "json", "--server", served.url, "--admin-key-env", "THE_KEY", secret=served.admin)
    assert json.loads(listed)[-1]["name"] == "from the environment"


def test_a_change_carries_the_key_and_counts(served: Served, tmp_path: Path) -> None:
    def there(*words: str) -> str:
        code, printed = run(*words, "--server", served.url, "--admin-key-env", "THE_KEY", secret=served.admin)
        assert code == 0
        return printed

    control = Control(served.home)
    (workload,) = control.workloads()
    secret = there("keys", "create", "by-command", "--budget-day", "1.50", "--expires", "30d").strip()
    assert secret.startswith("mk-") and str(control.all_keys()[-1].budget_day_usd) == "1.50"
    assert "revoked" in there("keys", "revoke", "by-command")
    assert "parcels" in there("workloads", "name", workload.workload_id, "parcels")
    assert "ignored" in there("workloads", "ignore", "parcels")
    assert "ignored" not in there("workloads", "ignore", "parcels", "--undo")
    assert "Nothing has changed yet" in there("fit", "parcels", "--margin", MARGIN)
    assert "is in shadow" in there("route", "shadow", "parcels", "--note", "to see")
    assert "5% of its conversations" in there("route", "on", "parcels")
    assert "is paused" in there("route", "off", "parcels")
    assert "by hand" in there("route", "history", "parcels")
    assert "is approved by key:chief" in there("route", "approve", "parcels")
    assert "by itself" in there("route", "auto", "parcels")
    assert workload.workload_id in there("workloads")
    file = tmp_path / "bank.cert"
    there("certificate", "show", control.certificates()[0].certificate_id, "--out", str(file))
    assert run("certificate", "verify", str(file))[0] == 0
    made = [(entry.actor, entry.action) for entry in control.audit()[-40:] if entry.actor == "key:chief"]
    for action in (
        "key.create",
        "key.revoke",
        "workload.name",
        "workload.ignore",
        "route.shadow",
        "route.canary",
        "route.on",
        "route.paused",
    ):
        assert ("key:chief", action) in made
    assert control.routes()[0].changed_by == "key:chief"


def test_what_is_refused_is_said_with_its_hint(served: Served) -> None:
    way = ("--server", served.url, "--admin-key-env", "THE_KEY")
    with pytest.raises(RemoteError) as refused:
        run("route", "on", "nobody", *way, secret=served.admin)
    assert (refused.value.code, refused.value.status) == ("not_found", 404) and "workloads list" in refused.value.hint
    for secret, status in ((served.ordinary, 403), (served.revoked, 401), ("mk-" + "x" * 43, 401)):
        with pytest.raises(RemoteError) as refused:
            run("keys", "list", *way, secret=secret)
        assert refused.value.status == status and secret not in str(refused.value)
    with pytest.raises(ConfigError, match="no admin key: THE_KEY is empty"):
        run("keys", "list", *way)
    with pytest.raises(ModicumError, match="the label 'nothing'"):
        run("fit", "--protect", "nothing", *way, secret=served.admin)


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:8321", "http://", "http://user:word@127.0.0.1", "http://127.0.0.1/?a=b"])
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(ConfigError):
        run("keys", "list", "--server", url, "--admin-key-env", "THE_KEY", secret="mk-x")


class Stranger(BaseHTTPRequestHandler):
    """A web server of somebody else's."""

    def do_GET(self) -> None:
        body = b"<html>hello</html>"
        self.send_response(404 if "version" in self.path else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stranger() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_another_server_is_told_apart() -> None:
    with stranger() as url, pytest.raises(RemoteError, match="answered something else"):
        run("keys", "list", "--server", url, "--admin-key-env", "THE_KEY", secret="mk-x")
    with pytest.raises(UpstreamError):
        run("keys", "list", "--server", url, "--admin-key-env", "THE_KEY", secret="mk-x")
