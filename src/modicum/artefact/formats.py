"""The formats an artefact may hold, checked by their structure: JSON and safetensors.

The safetensors header is checked here in full (types, shapes, ranges that tile the data without gap or overlap) before
the library sees it, so that a hostile file ends in an ArtefactError and never in an allocation of its own choosing.
Source of the format: https://huggingface.co/docs/safetensors (8 bytes of little-endian header length, JSON header, data).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from modicum.artefact.onnx import check_onnx
from modicum.errors import ArtefactError

MAX_HEADER_BYTES = 1024 * 1024
WIDTH_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8}


class _Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def check_format(name: str, data: bytes) -> None:
    """Raise ArtefactError unless `data` is what the ending of `name` says."""
    try:
        if name.endswith(".json"):
            _check_json(data)
        elif name.endswith(".safetensors"):
            _check_safetensors(data)
        elif name.endswith(".onnx"):
            check_onnx(data)
        else:
            raise ArtefactError("neither JSON nor safetensors nor ONNX")
    except ArtefactError as error:
        raise ArtefactError(f"{name}: {error.message}") from None


def _check_json(data: bytes) -> None:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ArtefactError(f"not JSON: {error}") from None


def _check_safetensors(data: bytes) -> None:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(MAX_HEADER_BYTES, len(data) - 8):
        raise ArtefactError("not safetensors: the header does not fit the file")
    try:
        header: dict[str, Any] = msgspec.json.decode(data[8 : 8 + length], type=dict[str, Any])
        header.pop("__metadata__", None)
        tensors = sorted(msgspec.convert(header, dict[str, _Tensor]).values(), key=lambda tensor: tensor.data_offsets)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ArtefactError(f"not safetensors: {error}") from None
    at = 0
    for tensor in tensors:
        width = WIDTH_BYTES.get(tensor.dtype)
        if width is None or len(tensor.shape) > 8 or any(side < 0 for side in tensor.shape):
            raise ArtefactError(f"not safetensors: a tensor of type {tensor.dtype[:20]!r} and {len(tensor.shape)} dimensions")
        begin, end = tensor.data_offsets
        if begin != at or end - begin != math.prod(tensor.shape) * width:
            raise ArtefactError("not safetensors: tensors overlap, leave gaps or do not fit their shapes")
        at = end
    if at != len(data) - 8 - length:
        raise ArtefactError("not safetensors: the data ends elsewhere than the header says")
