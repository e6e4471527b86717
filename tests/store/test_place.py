"""A home lies on a disk of this machine, and has one server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modicum.errors import StoreBusyError, StoreError
from modicum.store import home, place

MOUNTS = [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "30 22 0:25 / /mnt/share rw,relatime shared:2 - nfs4 server:/export rw,vers=4.2",
    "31 22 0:26 / /mnt/with\\040space rw - cifs //server/share rw",
    "32 30 8:2 / /mnt/share/local rw master:5 - xfs /dev/sdb1 rw",
    "33 22 0:30 / /home/u/ssh rw - fuse.sshfs u@host: rw",
    "34 22 0:31 / /twice rw - nfs a:/ rw",
    "35 34 0:32 / /twice rw - tmpfs tmpfs rw",
    "nonsense",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/modicum", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/a/b", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/share/local/home", "xfs"),
        ("/mnt/with space/x", "cifs"),
        ("/home/u/ssh/.modicum", "fuse.sshfs"),
        ("/twice/x", "tmpfs"),
    ],
)
def test_the_file_system_is_the_last_mount_above(path: str, kind: str) -> None:
    assert place.file_system(Path(path), MOUNTS) == kind
    if kind in place.SHARED:
        with pytest.raises(StoreError, match=rf"network file system \({kind}\)") as told:
            place.check(Path(path), MOUNTS)
        assert "--home" in told.value.hint
    else:
        place.check(Path(path), MOUNTS)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/mnt/share/x")
    assert place.file_system(tmp_path / "link" / "home", MOUNTS) == "nfs4"


def test_a_sandbox_s_own_disk_is_no_share() -> None:
    place.check(Path("/srv"), ["1 0 0:1 / / rw - 9p none rw"])
    with pytest.raises(StoreError, match="9p"):
        place.check(Path("/mnt/c/x"), [MOUNTS[0], "2 1 0:2 / /mnt/c rw - 9p C: rw"])


def test_nothing_known_is_nothing_refused(tmp_path: Path) -> None:
    place.check(tmp_path, [])
    place.check(tmp_path)


def test_one_server_to_a_home(tmp_path: Path) -> None:
    path = home.prepare(tmp_path / "home")
    held = home.begin_serving(path)
    with pytest.raises(StoreBusyError, match=f"process {os.getpid()} on ") as told:
        home.begin_serving(path, wait_s=0)
    assert "--workers" in told.value.hint
    os.close(held)
    os.close(home.begin_serving(path, wait_s=0))


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    path = home.prepare(tmp_path / "home")
    code = "import sys, pathlib; from modicum.store import home; home.begin_serving(pathlib.Path(sys.argv[1])); print('held', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code + "; input()", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(StoreBusyError, match=f"process {other.pid} on "):
            home.begin_serving(path, wait_s=0.1)
        other.kill()
        other.wait()
        os.close(home.begin_serving(path))
