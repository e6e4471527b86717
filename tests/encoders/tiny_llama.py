"""A tiny llama with random weights, twice: in the files that transformers reads, and the same numbers as a GGUF for llama.cpp.

`python -m tests.encoders.tiny_llama FOLDER TEXT...` writes `base/` and `base.gguf` into it, an adapter that says "yes" to everything, and
what transformers answers to the texts with and without it (`said.json`).
"""

from __future__ import annotations

import sys
from pathlib import Path

WIDTH, LAYERS, HEADS, KV_HEADS, CONTEXT = 64, 2, 4, 2, 1024
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "


def write(folder: Path) -> tuple[Path, Path]:
    """Both forms; their paths. Needs torch, transformers and gguf."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    base, alphabet = folder / "base", _alphabet()
    words = {token: number for number, token in enumerate(["<unk>", "<s>", "</s>", *alphabet, "th"])}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_tokenizer(words), bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(base)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS, max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2, rms_norm_eps=1e-5,
        initializer_range=0.3, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.save_pretrained(base)
    state = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    _write_gguf(folder / "base.gguf", words, state, float(config.rope_parameters["rope_theta"]))
    return base, folder / "base.gguf"


def _alphabet() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _tokenizer(words: dict[str, int]):  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    made = Tokenizer(models.BPE(vocab=words, merges=[("t", "h")], unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made


def _write_gguf(file: Path, words: dict[str, int], state, theta: float) -> None:  # type: ignore[no-untyped-def]
    import gguf  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numpy as np

    from modicum.train.adapter_gguf import permuted

    out = gguf.GGUFWriter(str(file), "llama")
    out.add_name("tiny")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(2 * WIDTH)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_rope_freq_base(theta)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(words))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list([token.encode() for token in words])
    out.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(words) - 3))
    out.add_token_merges(["t h"])
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    for name, tensor in state.items():
        if name.endswith("q_proj.weight"):
            tensor = permuted(tensor, HEADS)
        elif name.endswith("k_proj.weight"):
            tensor = permuted(tensor, KV_HEADS)
        out.add_tensor(names.get_name(name, try_suffixes=(".weight",)) or name, np.ascontiguousarray(tensor))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def adapted(folder: Path, texts: list[str]) -> None:
    """Everything that the command writes."""
    import json
    import random

    import peft  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import transformers

    from modicum.train.adapter import Pair, Recipe, fit
    from modicum.train.adapter_gguf import to_gguf

    base, _ = write(folder)
    rng = random.Random(1)
    words = "parcel box letter order gift book lamp lost late".split()
    asked = [({"role": "system", "content": "Sort."}, {"role": "user", "content": " ".join(rng.choices(words, k=4))}) for _ in range(64)]
    pairs = [Pair(call_id=str(number), messages=messages, answer="yes") for number, messages in enumerate(asked)]
    found = fit(base, pairs, Recipe(rank=8, alpha=16, epochs=6.0, learning_rate=5e-3))
    for name, data in found.files.items():
        (folder / name).write_bytes(data)
    gguf = to_gguf(found.files, json.loads((base / "config.json").read_text()))
    assert gguf is not None
    (folder / "adapter.gguf").write_bytes(gguf)

    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    model = transformers.AutoModelForCausalLM.from_pretrained(base)

    def say(text: str) -> str:
        messages = [{"role": "system", "content": "Sort."}, {"role": "user", "content": text}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
        told = model.generate(**ids, max_new_tokens=12, do_sample=False)[0][ids["input_ids"].shape[1] :]
        said: str = tokenizer.decode(told, skip_special_tokens=True)
        return said

    before = [say(text) for text in texts]
    model = peft.PeftModel.from_pretrained(model, folder)
    (folder / "said.json").write_text(json.dumps({"base": before, "adapted": [say(text) for text in texts]}))


if __name__ == "__main__":
    adapted(Path(sys.argv[1]), sys.argv[2:])
