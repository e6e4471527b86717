"""Where a home may lie: on a disk of this machine. Locks and SQLite's log do not hold on file systems that several machines share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from modicum.errors import StoreError

MOUNTS = "/proc/self/mountinfo"
SHARED = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs 9p afs afpfs ceph coda gfs gfs2 glusterfs lustre beegfs gpfs ncpfs ocfs2 orangefs".split()
    + "pvfs2 davfs webdav".split()
    + [f"fuse.{name}" for name in "sshfs nfs glusterfs ceph ceph-fuse s3fs goofys mountpoint-s3 rclone gcsfuse blobfuse blobfuse2".split()]
    + [f"fuse.{name}" for name in "juicefs davfs smbnetfs curlftpfs seaweedfs weed moosefs mfs".split()]
)
"""File systems that other machines may have open too, as the kernel names them."""


def check(path: Path, mounts: Iterable[str] | None = None) -> None:
    """Raise StoreError where `path`, or what of it exists, lies on a shared file system. Where no mounts can be read nothing is known."""
    lines = list(_mounts() if mounts is None else mounts)
    kind = file_system(path, lines)
    if kind == "9p" and file_system(Path("/"), lines) == kind:
        return  # a sandbox's own disk, not a share
    if kind in SHARED:
        raise StoreError(
            f"cannot use {path} as home: it lies on a network file system ({kind}), where locks and SQLite do not hold",
            hint="--home FOLDER names one on a disk of this machine; in Kubernetes, a claim on a volume that is ReadWriteOnce",
        )


def file_system(path: Path, mounts: Iterable[str]) -> str | None:
    """The kind of file system that holds `path`, from the lines of `mountinfo` (Linux, proc_pid_mountinfo(5)); None where none is named."""
    wanted = os.path.realpath(path)
    found, longest = None, -1
    for line in mounts:
        fields, dash, rest = line.partition(" - ")
        columns = fields.split(" ")
        if not dash or len(columns) < 5:
            continue
        point = _unescaped(columns[4])
        below = point if point.endswith("/") else point + "/"
        # Of several mounts on one point the last one is seen.
        if (wanted == point or wanted.startswith(below)) and len(point) >= longest:
            found, longest = rest.split(" ")[0], len(point)
    return found


def _mounts() -> list[str]:
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _unescaped(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point
