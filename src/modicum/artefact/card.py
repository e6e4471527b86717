"""The model card of an artefact, as the Hugging Face Hub reads one: YAML front matter and Markdown.

Field names: https://huggingface.co/docs/hub/model-cards. Values are written as JSON strings, which YAML reads as they stand.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Sequence

from modicum.artefact.about import About
from modicum.artefact.pack import BOM, MANIFEST, SIGNATURE
from modicum.artefact.store import Artefact

_ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in string.punctuation if mark not in ".,:-/%()+="} | {"\n": " ", "\r": " "})


def card(artefact: Artefact, about: About, *, kind: str, script: str, needs: str, task: str = "", proofs: Sequence[str] = ()) -> str:
    """README.md of a bundle.

    `script`: what runs it, empty where nothing does without us, and what that `needs`; `task`: as the Hub
    names it; `proofs`: certificates' sentences.
    """
    parts = [
        _front(about, kind, task),
        f"# {_plain(about.workload or 'A specialist')}",
        f"A small model ({_plain(kind)}) that answers one kind of request in the place of a large one, or leaves it to that one where its "
        f"confidence is low.\n\nDigest: `{artefact.digest}`",
        _section("What it was made from", _made_from(about)),
        _section("What was measured", _measured(about, proofs)),
        _section("What to know before it goes anywhere", _warnings(about)),
        _section("How to run it", _running(script, needs, kind)),
    ]
    return "\n\n".join(parts) + "\n"


def _front(about: About, kind: str, task: str) -> str:
    lines = ["---", "library_name: modicum", *([f"pipeline_tag: {task}"] if task else []), "license: unknown"]
    lines += ["tags:", f"- {json.dumps(kind)}", "- specialist"]
    if about.bases:
        lines += ["base_model:", *(f"- {json.dumps(base.name)}" for base in about.bases), "base_model_relation: finetune"]
    return "\n".join([*lines, "---"])


def _made_from(about: About) -> Iterable[str]:
    for base in about.bases:
        revision = f" at {base.revision}" if base.revision else ""
        yield _plain(f"Base: {base.name}{revision}, licence {base.licence or 'unknown'}")
    for one in about.teachers:
        yield _plain(f"{one.calls:,} answers of {one.model} ({one.provider or 'provider unknown'}) in scope {one.scope}")
    if training := about.training:
        span = f", {training.first_at:%Y-%m-%d} to {training.last_at:%Y-%m-%d}" if training.first_at and training.last_at else ""
        yield f"{training.calls:,} recorded calls{span}; digest of their ids `{training.digest}`"
    yield _plain(f"Trainer {about.trainer or 'unknown'}, modicum {about.code_version or 'of an unknown version'}")


def _measured(about: About, proofs: Sequence[str]) -> Iterable[str]:
    for name, value in sorted(about.metrics.items()):
        yield _plain(f"{name.replace('_', ' ')}: {value:.4g}")
    yield from (_plain(f"Certified: {proof}") for proof in proofs)
    if not proofs:
        yield "Not certified: nothing is promised about how often it is right."


def _warnings(about: About) -> Iterable[str]:
    if about.providers:
        yield _plain(f"It learnt from answers of {', '.join(about.providers)}: their terms decide where it may be used, and by whom.")
    yield "It holds words, or pieces of words, of the requests that it learnt from, as they were stored."
    yield "What it was certified for is its own traffic. Elsewhere its confidence means nothing before it was measured there."


def _running(script: str, needs: str, kind: str) -> Iterable[str]:
    if script:
        yield f'`python {script} "a text"` needs {needs}, and nothing of Modicum.'
    elif kind == "adapter":
        yield "`adapter_model.safetensors` and `adapter_config.json` are PEFT's own, over the base named above:"
        yield "`peft.PeftModel.from_pretrained(base, FOLDER)`, vLLM `--lora-modules NAME=FOLDER`, SGLang `--lora-paths NAME=FOLDER`."
    else:
        yield "Nothing in this bundle runs it by itself: it has no script, and Modicum serves it once it is imported."
    yield f"`modicum artefact import FOLDER` checks `{MANIFEST}`, every file that it names and, with --public-key, `{SIGNATURE}`."
    yield f"`{BOM}` is the bill of materials (CycloneDX)."


def _section(title: str, lines: Iterable[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines)


def _plain(text: str) -> str:
    """Text from elsewhere, as Markdown shows it and not as it would be obeyed."""
    return text.translate(_ESCAPED)
