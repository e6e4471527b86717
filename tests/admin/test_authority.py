"""Who may do what with the admin API: only what the table says, only for an admin key; and what no key gets by."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from modicum.admin.operation import Operation
from modicum.admin.table import OPERATIONS
from modicum.store.control import Control
from modicum.types import Key
from tests.admin.conftest import ENVIRONMENT_SECRET, Served
from tests.gateway.rig import Gateway, Upstream, ask, gateway, modicum


def call(served: Gateway, method: str, path: str, secret: str | None, body: Any = None, **headers: str) -> tuple[int, Any]:
    """(status, body as JSON)"""
    head = {**({"authorization": f"Bearer {secret}"} if secret else {}), **headers}
    if method == "GET":
        response, found = served.get(path, head)
    else:
        response, found = served.post({} if body is None else body, head, path=path)
    return response.status, (json.loads(found) if found and response.headers["content-type"] == "application/json" else found)


def path_of(operation: Operation[Any, Any]) -> str:
    path = operation.path
    for place in operation.places:
        path = path.replace(f"{{{place}}}", "nobody")
    return path


def test_every_operation_states_whose_key_may_call_it() -> None:
    assert [one.name for one in OPERATIONS if one.role not in ("admin",)] == []
    assert len({one.name for one in OPERATIONS}) == len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS) > 30
    assert [one.name for one in OPERATIONS if one.changes and one.method == "GET"] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_is_an_admin_keys_alone(served: Served, operation: Operation[Any, Any]) -> None:
    path = path_of(operation)
    before = len(Control(served.home).audit())
    kinds = {"none": (None, 401), "ordinary": (served.ordinary, 403), "revoked": (served.revoked, 401), "unknown": ("mk-" + "x" * 43, 401)}
    for name, (secret, status) in kinds.items():
        found, body = call(served.gateway, operation.method, path, secret, {"name": "sly", "admin": True})
        assert found == status, (name, body)
        assert body["error"]["code"] in ("invalid_api_key", "forbidden"), name
    assert len(Control(served.home).audit()) == before
    if not operation.long:
        assert call(served.gateway, operation.method, path, served.admin)[0] in (200, 400, 404)


def test_callers_do_not_say_who_they_are(served: Served) -> None:
    forged = {"x-modicum-actor": "root", "x-modicum-config": "0"}
    status, made = call(served.gateway, "POST", "/admin/v1/keys", served.admin, {"name": "forged"}, **forged)
    assert status == 200 and made["key"]["created_by"] == "key:chief"
    (entry,) = [entry for entry in Control(served.home).audit() if entry.subject == made["key"]["key_id"]]
    assert (entry.actor, entry.action) == ("key:chief", "key.create")
    status, found = call(served.gateway, "POST", "/admin/v1/keys/forged/revoke", ENVIRONMENT_SECRET)
    assert status == 200 and Control(served.home).audit()[-1].actor == "key:from the environment"


def test_fields_that_are_not_named_are_refused(served: Served) -> None:
    before = Control(served.home).all_keys()
    for field in {*Key.__dataclass_fields__} - {*msgspec.structs.asdict(_create())} | {"secret", "role", "actor", "created_by"}:
        status, body = call(served.gateway, "POST", "/admin/v1/keys", served.admin, {"name": "sly", field: "x"})
        assert status == 400 and "unknown field" in body["error"]["message"], field
    status, _ = call(served.gateway, "POST", "/admin/v1/routes/nobody/on", served.admin, {"ref": "other"})
    assert status == 400
    assert call(served.gateway, "GET", "/admin/v1/workloads/nobody?ref=other", served.admin)[0] == 400
    assert call(served.gateway, "GET", "/admin/v1/keys?admin=true", served.admin)[0] == 400
    assert Control(served.home).all_keys() == before


def _create() -> Any:
    return next(one for one in OPERATIONS if one.name == "keys.create").takes(name="a")


def test_a_new_key_may_do_what_was_said_and_no_more(served: Served) -> None:
    status, made = call(served.gateway, "POST", "/admin/v1/keys", served.admin, {"name": "narrow", "models": ["gpt-4"], "scope": "a"})
    assert status == 200 and (made["key"]["admin"], made["key"]["models"], made["key"]["scope"]) == (False, ["gpt-4"], "a")
    time.sleep(1)
    assert call(served.gateway, "GET", "/admin/v1/version", made["secret"])[0] == 403
    assert served.gateway.post(ask("gpt-5"), {"authorization": f"Bearer {made['secret']}"})[0].status == 403
    assert served.gateway.post(ask("gpt-4"), {"authorization": f"Bearer {made['secret']}"})[0].status == 200
    assert served.gateway.post(ask("gpt-4"), {"authorization": f"Bearer {served.admin}"})[0].status == 403, "an admin key asks for nothing"
    assert call(served.gateway, "POST", "/admin/v1/keys", served.admin, {"name": "x", "admin": True, "concurrency": 1})[0] == 400
    assert call(served.gateway, "POST", "/admin/v1/keys/narrow/revoke", served.admin)[0] == 200
    time.sleep(1)
    assert served.gateway.post(ask("gpt-4"), {"authorization": f"Bearer {made['secret']}"})[0].status == 401


def test_a_secret_is_told_once(served: Served) -> None:
    _, made = call(served.gateway, "POST", "/admin/v1/keys", served.admin, {"name": "once"})
    said = b""
    for operation in OPERATIONS:
        if operation.method == "GET":
            said += served.gateway.get(path_of(operation), {"authorization": f"Bearer {served.admin}"})[1]
    digests = [key.digest for key in Control(served.home).all_keys()]
    for secret in (made["secret"], served.admin, served.ordinary, ENVIRONMENT_SECRET, "sk-canary-operator-0123456789", *digests):
        assert secret.encode() not in said
        assert secret not in served.gateway.errors()
    for file in served.home.rglob("*"):
        assert not file.is_file() or ENVIRONMENT_SECRET.encode() not in file.read_bytes(), file
    _, keys = call(served.gateway, "GET", "/admin/v1/keys", served.admin)
    assert keys["items"][-1]["created_by"] == "$MODICUM_ADMIN_KEY" and keys["items"][-1]["name"] == "from the environment"
    assert (served.home / "admin.sock").stat().st_mode & 0o777 == 0o600


STEPS = (
    "..", ".", "%2e%2e", "%2E%2e", "%2e", ".%2e", "%00", "a%00b", "%2f", "..%2f..%2fkeys.json", "%2e%2e%2f%2e%2e%2fkeys.json", "%5c",
    "..%5c..%5ckeys.json", "%2fetc%2fpasswd", "%c0%ae%c0%ae", "%ff", "%", "%zz", "%0a", "%0d%0aset-cookie:x", "x" * 201, "x" * 5000,
    "%e2%80%ae", "%252e%252e", "other/keys",
)  # fmt: skip
PLACES = ("/admin/v1/calls/{}", "/admin/v1/workloads/{}", "/admin/v1/certificates/{}/file", "/admin/v1/jobs/{}")


@pytest.mark.parametrize("step", STEPS)
def test_an_id_is_never_a_path(served: Served, step: str) -> None:
    for place in PLACES:
        status, body = call(served.gateway, "GET", place.format(step), served.admin)
        assert status in (400, 404), (place, body)
        assert b"digest" not in json.dumps(body).encode()
    assert len(STEPS) * len(PLACES) >= 100


def test_another_scope_is_another_scope(served: Served) -> None:
    assert call(served.gateway, "GET", "/admin/v1/workloads?scope=nobody", served.admin)[0] == 404
    _, listed = call(served.gateway, "GET", "/admin/v1/workloads", served.admin)
    name = listed["items"][0]["workload"]["name"]
    assert call(served.gateway, "GET", f"/admin/v1/workloads/{quote('nobody/' + name, safe='')}", served.admin)[0] == 404
    assert call(served.gateway, "GET", f"/admin/v1/workloads/{quote('shop/' + name, safe='')}", served.admin)[0] in (200, 404)


def test_without_keys_nobody_is_let_in_and_off_is_off(tmp_path: Path) -> None:
    with Upstream() as upstream:
        with gateway(tmp_path / "a", upstream.url) as open_to_this_machine:
            status, body = call(open_to_this_machine, "GET", "/admin/v1/version", None)
            assert status == 401 and "--admin" in body["error"]["message"]
            assert open_to_this_machine.post(ask())[0].status == 200
            assert not (tmp_path / "a" / "admin.sock").exists()
        off = {"MODICUM_ADMIN_KEY": ENVIRONMENT_SECRET, "MODICUM_SERVE__ADMIN": "false"}
        with gateway(tmp_path / "b", upstream.url, env=off) as closed:
            assert call(closed, "GET", "/admin/v1/version", ENVIRONMENT_SECRET)[0] == 404
    flags = ("serve", "--home", str(tmp_path / "c"), "--listen", "127.0.0.1:0")
    errors = tmp_path / "errors.txt"
    with modicum(*flags, env={"OPENAI_API_KEY": "x", "MODICUM_ADMIN_KEY": "hunter2-canary"}, errors=errors) as (process, line):
        assert process.wait(20) == 2 and not line
    assert "MODICUM_ADMIN_KEY" in errors.read_text() and "canary" not in errors.read_text()


def test_a_key_in_the_environment_opens_the_listener(tmp_path: Path) -> None:
    flags = ("serve", "--home", str(tmp_path / "home"), "--listen", "0.0.0.0:0", "--upstream", "http://127.0.0.1:9/v1")
    with modicum(*flags, env={"OPENAI_API_KEY": "x"}, errors=tmp_path / "errors.txt") as (process, line):
        assert process.wait(20) == 2 and not line
    held = {"OPENAI_API_KEY": "x", "MODICUM_ADMIN_KEY": ENVIRONMENT_SECRET}
    with modicum(*flags, env=held, errors=tmp_path / "errors.txt") as (process, line):
        assert line.startswith("Listening on") and "for callers with a key" in line
        process.terminate()
        assert process.wait(20) == 0
