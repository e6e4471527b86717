"""Model servers that are real but for their weights: tiny, random, made here. What they say means nothing; how they say it does.

`python -m tests.peers.tiny gguf FILE` writes a model for llama.cpp, `hf FOLDER` one for transformers, `serve FILE PORT [ADAPTER]` serves
the first with llama.cpp's own server until its standard input closes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

WIDTH, LAYERS, HEADS, CONTEXT = 64, 2, 4, 2048
WORDS = [chr(code) for code in range(97, 123)] + ["the", "and", "of", "to", "in", "is", "yes", "no", "one", "two"]
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def write_gguf(file: Path) -> None:
    """A llama of 2 layers with random weights and a vocabulary of bytes and a few words."""
    import gguf  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numpy as np

    random = np.random.default_rng(0)
    tokens = [b"<unk>", b"<s>", b"</s>"] + [f"<0x{byte:02X}>".encode() for byte in range(256)]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
    tokens += ["\u2581".encode(), *(f"\u2581{word}".encode() for word in WORDS)]
    kinds += [gguf.TokenType.NORMAL] * (1 + len(WORDS))
    out = gguf.GGUFWriter(str(file), "llama")
    out.add_name("tiny")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(2 * WIDTH)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(tokens))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("llama")
    out.add_token_list(tokens)
    out.add_token_scores([-float(number) for number in range(len(tokens))])
    out.add_token_types(kinds)
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_chat_template(TEMPLATE)

    def put(name: str, *shape: int) -> None:
        out.add_tensor(name, (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32))

    put("token_embd.weight", len(tokens), WIDTH)
    put("output.weight", len(tokens), WIDTH)
    out.add_tensor("output_norm.weight", np.ones(WIDTH, dtype=np.float32))
    for layer in range(LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(WIDTH, dtype=np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            put(f"blk.{layer}.{name}.weight", WIDTH, WIDTH)
        put(f"blk.{layer}.ffn_gate.weight", 2 * WIDTH, WIDTH)
        put(f"blk.{layer}.ffn_up.weight", 2 * WIDTH, WIDTH)
        put(f"blk.{layer}.ffn_down.weight", WIDTH, 2 * WIDTH)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def serve_gguf(file: Path, port: int, adapter: str = "") -> None:
    """llama.cpp's server over a GGUF, and an adapter where one is named, on loopback, until standard input closes."""
    import xllamacpp  # type: ignore[import-not-found, import-untyped, unused-ignore]

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.model_alias = ["tiny"]
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx, params.n_parallel, params.n_predict = CONTEXT, 2, 32
    params.cpuparams.n_threads = 1
    params.warmup = False
    if adapter:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = adapter, 1.0
        params.lora_adapters = [lora]
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    sys.stdin.read()


def write_hf(folder: Path) -> None:
    """The same kind of thing in the files that transformers reads."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {token: number for number, token in enumerate(["<unk>", "<s>", "</s>", *alphabet])}
    made = Tokenizer(models.BPE(vocab=words, merges=[], unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    generation = {"max_new_tokens": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "do_sample": True}
    (folder / "generation_config.json").write_text(json.dumps(generation))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["gguf", file]:
            write_gguf(Path(file))
        case ["hf", folder]:
            write_hf(Path(folder))
        case ["serve", file, port, *adapter]:
            serve_gguf(Path(file), int(port), *adapter)
        case _:
            raise SystemExit(__doc__)
