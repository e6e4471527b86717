"""Bundles that nobody should take in: small files, each odd in one way, made on the spot."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from modicum.artefact.pack import MANIFEST

FILES = {
    "specialist.json": b'{"kind":"linear","labels":["yes","no"]}',
    "weights.safetensors": save({"weights": np.arange(6, dtype=np.int8).reshape(3, 2)}),
}


def manifest(files: Mapping[str, bytes], **change: object) -> bytes:
    """A manifest of these files, as this program writes one, with changes on top."""
    entries = {name: {"sha256": sha256(data).hexdigest(), "size_bytes": len(data)} for name, data in sorted(files.items())}
    body = {"about": {}, "files": entries, "version": 1} | change
    return json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def bundle(files: Mapping[str, bytes] = FILES) -> dict[str, bytes]:
    return dict(files) | {MANIFEST: manifest(files)}


def with_file(name: str, data: bytes) -> dict[str, bytes]:
    return bundle(dict(FILES) | {name: data})


def zipped(entries: list[tuple[zipfile.ZipInfo | str, bytes]], *, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def plain(files: Mapping[str, bytes]) -> list[tuple[zipfile.ZipInfo | str, bytes]]:
    return list(files.items())


def info(name: str, mode: int = 0o100644, attributes: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16 | attributes
    return entry


def tarred(files: Mapping[str, bytes], *odd: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT, odd_data: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for entry in odd:
            entry.size = len(odd_data) if entry.isreg() else 0
            archive.addfile(entry, io.BytesIO(odd_data) if entry.isreg() else None)
    return out.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


def million() -> bytes:
    """A zip whose end says that it holds a million files, in a table of contents that is not there."""
    return b"PK\x03\x04" + b"\0" * 100 + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 46 * 1_000_000, 104, 0)


def many() -> bytes:
    return zipped([(f"a{n}.json", b"{}") for n in range(3_000)])


def bomb() -> bytes:
    """A megabyte of packed zeros becomes a gigabyte: the size that is said is the size that is read."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packed.compress(b"\0" * 1_000_000) for _ in range(600)) + packed.flush()
    name = b"specialist.json"
    sizes = struct.pack("<3L", 0, len(body), 600_000_000)
    local = struct.pack("<4s5H", b"PK\x03\x04", 20, 0, 8, 0, 0x21) + sizes + struct.pack("<2H", len(name), 0) + name
    central = struct.pack("<4s6H", b"PK\x01\x02", 20, 20, 0, 8, 0, 0x21) + sizes + struct.pack("<5H2L", len(name), 0, 0, 0, 0, 0, 0) + name
    return local + body + central + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local) + len(body), 0)


def said_smaller() -> bytes:
    """A file of a zip that says it is smaller than what it unpacks to."""
    data = bytearray(zipped(plain(with_file("more.json", b"[" + b" " * 90_000 + b"]")), method=zipfile.ZIP_DEFLATED))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(mark, data.find(b"more.json") - 60 if mark == b"PK\x03\x04" else data.rfind(b"more.json") - 60)
        data[at + offset : at + offset + 4] = (2).to_bytes(4, "little")
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(zipped(plain(bundle())))
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def other_local_name() -> bytes:
    data = zipped(plain(bundle()))
    return data.replace(b"specialist.json", b"special1st.json", 1)


def overlapping() -> bytes:
    """Two entries of the table of contents that share one file's bytes."""
    data = bytearray(zipped([("a.json", b"{}"), ("b.json", b"{}"), *plain(bundle())]))
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 1)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    return bytes(data)


def header(tensors: Mapping[str, object], data: bytes = b"") -> bytes:
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + data


def twice_in_manifest() -> dict[str, bytes]:
    good = manifest(FILES)
    return dict(FILES) | {MANIFEST: good.replace(b'"files":', b'"files":{},"files":', 1)}


def tensor(shape: list[int], begin: int, end: int, dtype: str = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


LINK = zipfile.ZipInfo("specialist.json")
LINK.external_attr = 0o120777 << 16

ARCHIVES: dict[str, Callable[[], bytes]] = {
    # paths and names
    "zip slip": lambda: zipped([*plain(bundle()), ("../evil.json", b"{}")]),
    "zip slip, deep": lambda: zipped([*plain(bundle()), ("a/../../../evil.json", b"{}")]),
    "zip, absolute path": lambda: zipped([*plain(bundle()), ("/etc/evil.json", b"{}")]),
    "zip, backslashes": lambda: zipped([*plain(bundle()), ("..\\evil.json", b"{}")]),
    "zip, a drive": lambda: zipped([*plain(bundle()), ("c:evil.json", b"{}")]),
    "zip, a folder": lambda: zipped([*plain(bundle()), (info("folder/", 0o040755, 0x10), b"")]),
    "zip, a file marked as a folder": lambda: zipped([*plain(FILES), (info(MANIFEST, attributes=0x10), manifest(FILES))]),
    "zip, in a folder": lambda: zipped([(f"bank/{name}", data) for name, data in bundle().items()]),
    "zip, a name twice": lambda: _quietly(lambda: zipped([*plain(bundle()), ("specialist.json", b"{}")])),
    "zip, a name in capitals": lambda: zipped([*plain(bundle()), ("Specialist.json", b"{}")]),
    "zip, full-width letters": lambda: zipped([*plain(bundle()), ("ｓpecialist.json", b"{}")]),
    "zip, a letter that looks alike": lambda: zipped([*plain(bundle()), ("spеcialist.json", b"{}")]),
    "zip, right to left": lambda: zipped([*plain(bundle()), ("a\u202enosj.json", b"{}")]),
    "zip, a joiner of no width": lambda: zipped([*plain(bundle()), ("spe\u200bcialist.json", b"{}")]),
    "zip, a name with a zero byte": lambda: zipped([*plain(bundle()), ("evilx.json", b"{}")]).replace(b"evilx.json", b"evil\0.json"),
    "zip, a name of 10,000 letters": lambda: zipped([*plain(bundle()), ("a" * 10_000 + ".json", b"{}")]),
    "zip, a script of another name": lambda: zipped([*plain(bundle()), ("setup.py", b"import os")]),
    "zip, a path file": lambda: zipped([*plain(bundle()), ("evil.pth", b"import os")]),
    "zip, a pickle": lambda: zipped([*plain(bundle()), ("model.pkl", pickle.dumps([1]))]),
    "zip, weights of torch": lambda: zipped([*plain(bundle()), ("pytorch_model.bin", pickle.dumps([1]))]),
    # kinds of entries
    "zip, a link": lambda: zipped([(LINK, b"/etc/passwd"), *plain({n: d for n, d in bundle().items() if n != "specialist.json"})]),
    "zip, a pipe": lambda: zipped([*plain(FILES), (info(MANIFEST, 0o010644), manifest(FILES))]),
    "zip, a device": lambda: zipped([*plain(FILES), (info(MANIFEST, 0o020644), manifest(FILES))]),
    "zip, encrypted": encrypted,
    "zip, bzip2": lambda: zipped(plain(bundle()), method=zipfile.ZIP_BZIP2),
    "zip, lzma": lambda: zipped(plain(bundle()), method=zipfile.ZIP_LZMA),
    # sizes
    "zip, a million entries": million,
    "zip, 3,000 entries": many,
    "zip, 60 entries": lambda: zipped([*plain(bundle()), *((f"a{n}.json", b"{}") for n in range(60))]),
    "zip, a bomb": bomb,
    "zip, more than it says": said_smaller,
    "zip, a card of two megabytes": lambda: zipped([*plain(bundle()), ("README.md", b" " * 2_000_000)], method=zipfile.ZIP_DEFLATED),
    # the zip itself
    "zip, another name inside": other_local_name,
    "zip, entries that overlap": overlapping,
    "zip, something before it": lambda: b"PK" + zipped(plain(bundle())),
    "zip, something behind it": lambda: zipped(plain(bundle())) + b"PK",
    "zip, cut": lambda: zipped(plain(bundle()))[:-40],
    "zip, empty": lambda: zipped([]),
    "zip, a byte changed": lambda: zipped(plain(bundle())).replace(b'"yes"', b'"yep"'),
    # tar
    "tar slip": lambda: tarred(bundle(), entry("../evil.json"), odd_data=b"{}"),
    "tar, absolute path": lambda: tarred(bundle(), entry("/etc/evil.json"), odd_data=b"{}"),
    "tar, a link": lambda: tarred(bundle(), entry("more.json", tarfile.SYMTYPE, "/etc/passwd")),
    "tar, a hard link": lambda: tarred(bundle(), entry("more.json", tarfile.LNKTYPE, "/etc/passwd")),
    "tar, a device": lambda: tarred(bundle(), entry("more.json", tarfile.CHRTYPE)),
    "tar, a pipe": lambda: tarred(bundle(), entry("more.json", tarfile.FIFOTYPE)),
    "tar, a folder": lambda: tarred(bundle(), entry("more.json", tarfile.DIRTYPE)),
    "tar, a name twice": lambda: tarred(bundle(), entry("specialist.json"), odd_data=b"{}"),
    "tar, a long name of GNU": lambda: tarred(bundle(), entry("a" * 200 + ".json"), form=tarfile.GNU_FORMAT, odd_data=b"{}"),
    "tar, a name of pax": lambda: tarred(bundle(), entry("ä.json"), form=tarfile.PAX_FORMAT, odd_data=b"{}"),
    "tar, a prefix": lambda: tarred(bundle(), entry("b" * 90 + "/" + "a" * 60 + ".json"), odd_data=b"{}"),
    "tar, a size beyond its end": lambda: tarred(bundle())[:530],
    "tar, a changed header": lambda: tarred(bundle()).replace(b"specialist.json", b"special1st.json", 1),
    "tar, something behind its end": lambda: tarred(bundle()) + b"more",
    "tar, packed": lambda: zlib.compress(tarred(bundle())),
    "a pickle in place of an archive": lambda: pickle.dumps({"weights": [1]}),
    "nothing": lambda: b"",
}
"""Name -> the archive's bytes."""

FOLDERS: dict[str, Callable[[], dict[str, bytes]]] = {
    # manifests
    "no manifest": lambda: dict(FILES),
    "a manifest that is no JSON": lambda: dict(FILES) | {MANIFEST: pickle.dumps({})},
    "a manifest of another version": lambda: dict(FILES) | {MANIFEST: manifest(FILES, version=2)},
    "a manifest with a field more": lambda: dict(FILES) | {MANIFEST: manifest(FILES, run="rm")},
    "a manifest with a field twice": twice_in_manifest,
    "a manifest written otherwise": lambda: dict(FILES) | {MANIFEST: manifest(FILES) + b"\n"},
    "a manifest that names a path": lambda: dict(FILES) | {MANIFEST: manifest(dict(FILES) | {"../../x.json": b"{}"})},
    "a manifest that names what is not there": lambda: dict(FILES) | {MANIFEST: manifest(dict(FILES) | {"more.json": b"{}"})},
    "a file that the manifest does not name": lambda: bundle() | {"more.json": b"{}"},
    "another file than the manifest names": lambda: bundle() | {"specialist.json": b'{"kind":"linear","labels":["yes","NO"]}'},
    "a size that is not a file's": lambda: (
        dict(FILES) | {MANIFEST: manifest(FILES).replace(f'"size_bytes":{len(FILES["specialist.json"])}'.encode(), b'"size_bytes":7')}
    ),
    "a manifest that says terabytes": lambda: (
        dict(FILES)
        | {MANIFEST: manifest(FILES).replace(f'"size_bytes":{len(FILES["specialist.json"])}'.encode(), b'"size_bytes":1' + b"0" * 13)}
    ),
    "a manifest of brackets": lambda: dict(FILES) | {MANIFEST: b"[" * 100_000},
    "no files": lambda: bundle({}),
    # files
    "a pickle under the name of weights": lambda: with_file("more.safetensors", pickle.dumps([1])),
    "a pickle under the name of JSON": lambda: with_file("more.json", pickle.dumps([1])),
    "JSON of brackets": lambda: with_file("more.json", b"[" * 100_000),
    "safetensors, a header of 100 GB": lambda: with_file("more.safetensors", (10**11).to_bytes(8, "little") + b"{}"),
    "safetensors, offsets that overlap": lambda: with_file(
        "more.safetensors", header({"a": tensor([4], 0, 4), "b": tensor([4], 2, 6)}, b"123456")
    ),
    "safetensors, one tensor's bytes twice": lambda: with_file(
        "more.safetensors", header({"a": tensor([4], 0, 4), "b": tensor([4], 0, 4)}, b"1234")
    ),
    "safetensors, a gap": lambda: with_file("more.safetensors", header({"a": tensor([2], 0, 2), "b": tensor([2], 4, 6)}, b"123456")),
    "safetensors, offsets beyond the end": lambda: with_file("more.safetensors", header({"a": tensor([9], 0, 9)}, b"1234")),
    "safetensors, offsets that go back": lambda: with_file("more.safetensors", header({"a": tensor([4], 4, 0)}, b"1234")),
    "safetensors, a shape of 2**80": lambda: with_file("more.safetensors", header({"a": tensor([2**40, 2**40], 0, 4)}, b"1234")),
    "safetensors, a shape below 0": lambda: with_file("more.safetensors", header({"a": tensor([-2, -2], 0, 4)}, b"1234")),
    "safetensors, an unknown type": lambda: with_file("more.safetensors", header({"a": tensor([4], 0, 4, "OBJECT")}, b"1234")),
    "safetensors, something behind": lambda: with_file("more.safetensors", header({"a": tensor([4], 0, 4)}, b"12345")),
    "ONNX that is none": lambda: with_file("more.onnx", b"\x80\x04K\x01."),
    "a script among its files": lambda: with_file("setup.py", b"import os"),
}
"""Name -> the files of a folder. What an ONNX graph may hold stands in test_onnx.py."""


def linked(folder: Path) -> None:
    for name, data in bundle().items():
        (folder / name).write_bytes(data)
    (folder / "specialist.json").unlink()
    (folder / "specialist.json").symlink_to("/etc/hostname")


def piped(folder: Path) -> None:
    for name, data in bundle().items():
        (folder / name).write_bytes(data)
    (folder / "specialist.json").unlink()
    os.mkfifo(folder / "specialist.json")


def nested(folder: Path) -> None:
    for name, data in bundle().items():
        (folder / name).write_bytes(data)
    (folder / "more.json").mkdir()


PLACES: dict[str, Callable[[Path], None]] = {"a link in a folder": linked, "a pipe in a folder": piped, "a folder in a folder": nested}
"""Name -> what fills a folder with something other than files."""


def _quietly(make: Callable[[], bytes]) -> bytes:
    """The library warns of a name that it writes twice."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()
