"""A tiny XLM-RoBERTa with random weights and a SentencePiece-like vocabulary of several scripts, as transformers writes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
SPACE = "▁"


def write(place: Path, texts: Sequence[str], *, hidden: int = 32) -> Path:
    """`texts` give the vocabulary: their characters, and the pieces that are worth a place. Needs torch and transformers."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    torch.manual_seed(1)
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=[*SPECIAL], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    config = transformers.XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=66,  # two of them are never used: positions count from behind the padding's number
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    transformers.XLMRobertaModel(config).save_pretrained(place)
    tokenizer.save(str(place / "tokenizer.json"))
    return place
