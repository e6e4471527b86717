"""What is shipped to run elsewhere: the manifests fit their schemas and say what the product needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from modicum.config import load
from modicum.store.calls import Calls

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text()


def resources() -> list[dict[str, Any]]:
    files = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    return [one for file in files for one in yaml.safe_load_all((MANIFESTS / file).read_text())]


def pods() -> Iterator[dict[str, Any]]:
    for one in resources():
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]["spec"]
        if one["kind"] == "CronJob":
            yield one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def gateway() -> dict[str, Any]:
    return next(pods())


@pytest.mark.parametrize("one", resources(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_every_manifest_fits_its_schema(one: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)


def test_a_manifest_with_a_misspelt_field_would_be_found() -> None:
    one = next(one for one in resources() if one["kind"] == "Deployment")
    one["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, "1.37", strict=True)


def test_all_kinds_are_there() -> None:
    assert sorted(one["kind"] for one in resources()) == ["ConfigMap", "CronJob", "Deployment", "PersistentVolumeClaim", "Service"]


def test_every_container_runs_as_nobody_on_a_root_that_it_cannot_write() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] != 0
        (container,) = pod["containers"]
        inner = container["securityContext"]
        assert inner["readOnlyRootFilesystem"] and not inner["allowPrivilegeEscalation"] and inner["capabilities"] == {"drop": ["ALL"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_the_gateway_has_the_time_to_drain(tmp_path: Path) -> None:
    (settings,) = (one for one in resources() if one["kind"] == "ConfigMap")
    (tmp_path / "modicum.toml").write_text(settings["data"]["modicum.toml"])
    drain_s = load(tmp_path / "modicum.toml", environ={}).serve.drain_s
    before_s = int(gateway()["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert before_s + drain_s + 5 <= gateway()["terminationGracePeriodSeconds"]


def test_there_is_one_replica_and_it_ends_before_the_next_begins() -> None:
    (deployment,) = (one for one in resources() if one["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 1 and deployment["spec"]["strategy"]["type"] == "Recreate"


def test_night_runs_where_the_volume_is() -> None:
    (night,) = (one for one in resources() if one["kind"] == "CronJob")
    spec = night["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (rule,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (deployment,) = (one for one in resources() if one["kind"] == "Deployment")
    assert rule["labelSelector"]["matchLabels"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_the_image_installs_what_is_locked_and_the_wheel_alone() -> None:
    assert CONTAINERFILE.count("--require-hashes") == 3 and "/dist/*.whl" in CONTAINERFILE
    assert "--editable" not in CONTAINERFILE and not re.search(r"COPY --from=\S+ /src", CONTAINERFILE)
    last = CONTAINERFILE[CONTAINERFILE.index("AS base") :]
    assert "USER 10001:0" in last and "HEALTHCHECK" in last and last.count("VOLUME") == 1 and "COPY src" not in last
    for name in re.findall(r"requirements/(\w+)\.txt", CONTAINERFILE):
        assert (ROOT / "requirements" / f"{name}.txt").is_file(), name


def can_take_the_root_away() -> bool:
    words = ["unshare", "--mount", "sh", "-c", "mount -o remount,ro,bind / && ! touch /read-only-root 2>/dev/null"]
    return bool(shutil.which("unshare") and shutil.which("setpriv")) and subprocess.run(words, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_take_the_root_away(), reason="needs root and mount namespaces")
def test_the_wheel_serves_as_any_user_on_a_read_only_root(empty: Path, tmp_path: Path) -> None:
    """What the container promises, without a container: one writable volume, nothing else, a user that no file names."""
    volume, log = tmp_path / "data", tmp_path / "log"
    volume.mkdir(mode=0o2770)
    os.chown(volume, 54321, 0)
    for folder in (empty, *empty.parents):
        if folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    tmp_path.chmod(0o711)
    mounts = f"mount --bind {volume} {volume} && mount -o remount,ro,bind / && mount -t tmpfs -o ro none /dev/shm"
    serve = f"exec setpriv --reuid 54321 --regid 0 --clear-groups --no-new-privs {empty}/bin/modicum serve --auth none"
    env = {
        "PATH": os.defpath,
        "HOME": "/nowhere",
        "TMPDIR": str(volume),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MODICUM_STORE__HOME": str(volume),
        "MODICUM_SERVE__LISTEN": "127.0.0.1:0",
        "MODICUM_UPSTREAM__URL": "http://127.0.0.1:9/v1",
    }
    with log.open("w") as said:
        words = ["unshare", "--mount", "sh", "-c", f"{mounts} && cd {volume} && {serve} --format json"]
        gateway_process = subprocess.Popen(words, env=env, stdout=said, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 20
        while not (found := re.search(r'"url":"(http://[^"]+)/v1"', log.read_text())):
            assert gateway_process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        host, port = found[1].removeprefix("http://").split(":")
        for path, status in (("/healthz", 200), ("/readyz", 200)):
            connection = HTTPConnection(host, int(port), timeout=5)
            connection.request("GET", path)
            assert connection.getresponse().status == status
            connection.close()
        body = '{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'
        connection = HTTPConnection(host, int(port), timeout=10)
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        assert connection.getresponse().status == 502  # nothing answers there; the call is on record all the same
        connection.close()
    finally:
        gateway_process.terminate()
        assert gateway_process.wait(20) == 0, log.read_text()
    (call,) = Calls(volume).scan()
    assert call.status == 502 and call.request_model == "m"
    assert {file.stat().st_uid for file in volume.rglob("*") if file.is_file()} <= {54321, os.getuid()}
