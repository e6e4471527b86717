"""A tiny BERT with random weights, as transformers writes it."""

from __future__ import annotations

from pathlib import Path

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "card", "lost", "stolen", "money", "transfer", "send", "the", "my", "please"]
MORE = ["missing", "block", "gone", "pay", "iban", "abroad"]


def write(place: Path, *, hidden: int = 32) -> Path:
    """Needs torch and transformers."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    torch.manual_seed(1)
    words = WORDS + MORE
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(place)
    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(place / "tokenizer.json"))
    return place
