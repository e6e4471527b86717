"""A low-rank adapter (LoRA) of a causal language model, from recorded requests and the answers they got.

The base is a folder that the user names, in the form of transformers, its weights in safetensors; nothing is fetched and no code of it is
run. On a machine with CUDA the base may be held in four bits (QLoRA). What comes out are two files as `peft` writes them, which vLLM,
SGLang and transformers read; `adapter_gguf` makes of them what llama.cpp reads.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum.errors import ConfigError, MissingExtraError, NotEnoughDataError

WEIGHTS_FILE, CONFIG_FILE = "adapter_model.safetensors", "adapter_config.json"
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The layers that get an adapter, as the usual architectures name them; where a base has none of these, all linear ones."""
UNSEEN = -100
"""Of a token whose loss does not count: all of the request."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What was asked, and what it should answer."""

    call_id: str
    messages: tuple[Mapping[str, str], ...]
    """Role and content of each, as a chat template takes them."""
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How it is trained. The same recipe on the same pairs, machine and versions gives the same bytes."""

    rank: int = 16
    alpha: int = 32
    learning_rate: float = 2e-4
    epochs: float = 2.0
    batch: int = 8
    longest_tokens: int = 2048
    """Of request and answer together; longer pairs are left out, and counted."""
    four_bit: bool = False
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What was trained."""

    files: Mapping[str, bytes]
    """`adapter_config.json` and `adapter_model.safetensors`."""
    digest: str
    """SHA-256 of the weights, in hex: it stands in the name under which they are served."""
    pairs: int
    too_long: int
    steps: int
    loss_first: float
    loss_last: float
    """Mean over the first and the last tenth of the steps, in nats a token of the answers."""


def fit(base: Path, pairs: Sequence[Pair], recipe: Recipe, progress: Progress = lambda share: None) -> Adapter:
    """Train an adapter of the model in the folder `base`. Raises ConfigError for a base or recipe that cannot be used, NotEnoughDataError,
    MissingExtraError.
    """
    torch, peft, transformers = _imports()
    with warnings.catch_warnings():  # of these libraries among themselves
        warnings.simplefilter("ignore", FutureWarning)
        return _fit(base, pairs, recipe, progress, torch, peft, transformers)


def _fit(base: Path, pairs: Sequence[Pair], recipe: Recipe, progress: Progress, torch: Any, peft: Any, transformers: Any) -> Adapter:
    tokenizer, model = _open(base, recipe, torch, transformers)
    rows = [row for pair in pairs if len((row := _tokens(tokenizer, pair))[0]) <= recipe.longest_tokens]
    if not rows:
        raise NotEnoughDataError(f"none of {len(pairs):,} pairs has at most {recipe.longest_tokens:,} tokens")
    torch.manual_seed(recipe.seed)
    config = peft.LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM", target_modules=_targets(model, torch)
    )
    adapted = peft.get_peft_model(model, config)
    losses = list(_train(adapted, rows, recipe, torch, progress))
    files = _files(adapted, config, base, peft)
    tenth = max(len(losses) // 10, 1)
    return Adapter(
        files=files,
        digest=hashlib.sha256(files[WEIGHTS_FILE]).hexdigest(),
        pairs=len(rows),
        too_long=len(pairs) - len(rows),
        steps=len(losses),
        loss_first=sum(losses[:tenth]) / tenth,
        loss_last=sum(losses[-tenth:]) / tenth,
    )


def weights_sha256(base: Path) -> str:
    """One digest over the weights of a base, file by file in the order of their names. Raises ConfigError where it has none."""
    found = sorted(base.glob("*.safetensors"))
    if not found:
        raise ConfigError(f"{base} holds no *.safetensors", hint="a folder as transformers saves a model; other formats are not opened")
    whole = hashlib.sha256()
    for file in found:
        with file.open("rb") as opened:
            whole.update(hashlib.file_digest(opened, "sha256").digest())
    return whole.hexdigest()


def _imports() -> tuple[Any, Any, Any]:
    try:
        import peft  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import torch
        import transformers
    except ImportError:
        raise MissingExtraError.of("adapter", "training an adapter") from None
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return torch, peft, transformers


def _open(base: Path, recipe: Recipe, torch: Any, transformers: Any) -> tuple[Any, Any]:
    weights_sha256(base)
    cuda = torch.cuda.is_available()
    more: dict[str, Any] = {"dtype": torch.bfloat16 if cuda else torch.float32}
    if recipe.four_bit:
        if not cuda:
            raise ConfigError("four bits need a machine with CUDA", hint="leave --four-bit out")
        more["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16, bnb_4bit_use_double_quant=True
        )
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(base, **safe)
        model = transformers.AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, **safe, **more)
    except ImportError as error:
        raise MissingExtraError.of("adapter", str(error).splitlines()[0][:100]) from None
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{base} is no causal language model that transformers opens: {str(error).splitlines()[0][:200]}") from None
    if not tokenizer.chat_template:
        raise ConfigError(f"the tokenizer in {base} has no chat template", hint="a base that was made to follow instructions has one")
    if tokenizer.eos_token_id is None:
        raise ConfigError(f"the tokenizer in {base} has no token that ends an answer")
    return tokenizer, model.to("cuda") if cuda and not recipe.four_bit else model


def _tokens(tokenizer: Any, pair: Pair) -> tuple[list[int], list[int]]:
    """Ids of request and answer, and how many of them are the request's, as labels."""
    try:
        text = tokenizer.apply_chat_template([dict(one) for one in pair.messages], add_generation_prompt=True, tokenize=False)
    except Exception as error:  # a template is a program of somebody else's
        raise ConfigError(f"the chat template of the base does not take these messages: {str(error)[:200]}") from None
    asked = tokenizer(text, add_special_tokens=False)["input_ids"]
    answered = [*tokenizer(pair.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return asked + answered, [UNSEEN] * len(asked) + answered


def _targets(model: Any, torch: Any) -> list[str] | str:
    named = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    return [name for name in PROJECTIONS if name in named] or "all-linear"


def _train(model: Any, rows: Sequence[tuple[list[int], list[int]]], recipe: Recipe, torch: Any, progress: Progress) -> Iterator[float]:
    """One loss a step."""
    device = next(model.parameters()).device
    weights = [one for one in model.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    steps = max(math.ceil(len(rows) * recipe.epochs / recipe.batch), 1)
    generator = torch.Generator().manual_seed(recipe.seed)
    order: list[int] = []
    model.train()
    for step in range(steps):
        while len(order) < recipe.batch:
            order += torch.randperm(len(rows), generator=generator).tolist()
        drawn, order = [rows[i] for i in order[: recipe.batch]], order[recipe.batch :]
        for group in optimiser.param_groups:  # a short rise, then down in a half cosine
            group["lr"] = recipe.learning_rate * min((step + 1) / max(steps // 20, 1), 0.5 + 0.5 * math.cos(math.pi * step / steps))
        loss = model(**_batch(drawn, torch, device)).loss
        if not torch.isfinite(loss):
            raise ConfigError(f"the loss is no number at step {step + 1}", hint="a smaller --learning-rate")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        progress((step + 1) / steps)
        yield float(loss.detach())


def _batch(rows: Sequence[tuple[list[int], list[int]]], torch: Any, device: Any) -> dict[str, Any]:
    longest = max(len(ids) for ids, _ in rows)
    ids = [ids + [0] * (longest - len(ids)) for ids, _ in rows]
    labels = [labels + [UNSEEN] * (longest - len(labels)) for _, labels in rows]
    seen = [[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows]
    named = {"input_ids": ids, "labels": labels, "attention_mask": seen}
    return {name: torch.tensor(value, device=device) for name, value in named.items()}


def _files(model: Any, config: Any, base: Path, peft: Any) -> dict[str, bytes]:
    from safetensors.numpy import save

    state = peft.get_peft_model_state_dict(model)
    tensors = {name: state[name].detach().float().cpu().contiguous().numpy() for name in sorted(state)}
    said = {name: sorted(value) if isinstance(value, set) else value for name, value in config.to_dict().items()}
    said |= {"base_model_name_or_path": base.resolve().name, "inference_mode": True}  # never a path of this machine
    plain = {name: value for name, value in said.items() if value not in (None, {}, [])}
    return {WEIGHTS_FILE: save(tensors), CONFIG_FILE: json.dumps(plain, default=str, indent=1, sort_keys=True).encode()}
