"""An adapter behind a server of the operator's: how it is served, how one request asks for it, and whether that holds.

The probe asks the base, then the adapter, then the base again, the same each time. A server that mixes them up (a cached prefix of the
other one, a scale that stays) tells the base's two answers apart; one that ignores the adapter answers three times the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modicum.backends.asking import Told, ask, whole
from modicum.backends.upstreams import Target, Upstreams
from modicum.errors import InputError, UpstreamError
from modicum.wire import chat

Engine = Literal["vllm", "sglang", "llamacpp"]
ENGINES: tuple[Engine, ...] = ("vllm", "sglang", "llamacpp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one request is answered by the adapter, or by the base alone, on one server."""

    engine: Engine
    base: str
    """The name under which the base is served."""
    name: str
    """The adapter's."""
    number: int = 0
    """llama.cpp: which of its `--lora` files, as GET /lora-adapters counts them."""

    def model(self, *, adapted: bool) -> str:
        """What stands in `model`: vLLM tells them apart by it."""
        return self.name if adapted and self.engine == "vllm" else self.base

    def fields(self, *, adapted: bool) -> dict[str, Any]:
        """What else stands in the request."""
        match self.engine:
            case "sglang":
                return {"lora_path": self.name} if adapted else {}
            case "llamacpp":  # a prompt that was read with another scale must not be taken from the cache
                return {"lora": [{"id": self.number, "scale": 1.0 if adapted else 0.0}], "cache_prompt": False}
            case _:
                return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Three answers to one request."""

    first: str
    adapted: str
    last: str
    wanted: str

    @property
    def steady(self) -> bool:
        """The base said the same before and after."""
        return self.first == self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What the probe found."""

    rounds: tuple[Round, ...]

    @property
    def steady(self) -> int:
        return sum(one.steady for one in self.rounds)

    @property
    def changed(self) -> int:
        """Rounds in which the adapter said something else than the base."""
        return sum(one.adapted != one.first for one in self.rounds)

    @property
    def as_trained(self) -> int:
        return sum(one.adapted.strip() == one.wanted.strip() for one in self.rounds)

    @property
    def fault(self) -> str:
        """What is wrong; empty: nothing is."""
        count = len(self.rounds)
        if self.steady < count:
            return f"the base answered otherwise after the adapter had in {count - self.steady} of {count} rounds"
        if not self.as_trained:
            return f"the adapter never answered as it was trained to in {count} rounds"
        if not self.changed:
            why = "it may not be applied, or the base knows these answers by itself: --calls asks more"
            return f"the adapter said what the base says in all {count} rounds: {why}"
        return ""


def commands(name: str, base: Path, folder: Path, gguf: Path | None) -> dict[Engine, str]:
    """Engine -> the line that serves the adapter over its base. llama.cpp's is there where it has a GGUF; its base must be one too."""
    at, model = shlex.quote(str(folder)), shlex.quote(str(base))
    found: dict[Engine, str] = {
        "vllm": f"vllm serve {model} --enable-lora --lora-modules {name}={at}",
        "sglang": f"python -m sglang.launch_server --model-path {model} --enable-lora --lora-paths {name}={at}",
    }
    if gguf is not None:
        found["llamacpp"] = f"llama-server -m BASE.gguf --lora {shlex.quote(str(gguf))} --alias {name}"
    return found


async def check_served(upstreams: Upstreams, target: Target, way: Way) -> str:
    """What is wrong with the server, by its list of models; empty where it answers and has what is asked for."""
    try:
        names = await _listed(upstreams, target)
    except (UpstreamError, InputError) as error:
        return error.message
    wanted = way.model(adapted=True)
    return "" if wanted in names else f"it serves {', '.join(names[:5]) or 'nothing'}, not {wanted}"


async def served(upstreams: Upstreams, target: Target) -> list[str]:
    """The names in a server's list of models, in order; none where it has no list that can be read."""
    try:
        return await _listed(upstreams, target)
    except (UpstreamError, InputError):
        return []


async def _listed(upstreams: Upstreams, target: Target) -> list[str]:
    reply = await upstreams.send(target.deployments[0], "models", None, method="GET")
    body = await whole(reply)
    if reply.status >= 400:
        raise UpstreamError(f"it answers its list of models with status {reply.status}")
    listed = chat.loads(body).get("data")
    return sorted({str(one.get("id")) for one in listed if isinstance(one, dict)}) if isinstance(listed, list) else []


async def interleave(
    upstreams: Upstreams, provider: str, way: Way, requests: Sequence[tuple[Mapping[str, Any], str]], *, within_s: float = 120.0
) -> Probed:
    """Ask each request (a chat completion's, with the answer that was trained) of the base, the adapter and the base again, in this order.

    Nothing is drawn: `temperature` is 0. Raises UpstreamError where one is not answered.
    """
    rounds = []
    for request, wanted in requests:
        said = []
        for adapted in (False, True, False):
            target = upstreams.one(provider, way.model(adapted=adapted))
            body = {**request, "model": target.deployments[0].model, "temperature": 0, **way.fields(adapted=adapted)}
            said.append(_text(await ask(upstreams, target, "chat_completions", body, once_within_s=within_s)))
        rounds.append(Round(first=said[0], adapted=said[1], last=said[2], wanted=wanted))
    return Probed(rounds=tuple(rounds))


def _text(told: Told) -> str:
    if told.response is None:
        raise UpstreamError(f"status {told.status}: {told.error}")
    return chat.answer(told.response).content or ""
