"""A Whisper of random weights, as small as one can be, converted by CTranslate2's own converter."""

from __future__ import annotations

import json
from pathlib import Path

LANGUAGES = ("en", "de", "fr")
NUM_TOKENS = 51_866
"""From so many tokens on CTranslate2 takes a model for one of many languages."""

NUM_TIMESTAMPS = 1501


def write_tokenizer(folder: Path) -> int:
    """Bytes, Whisper's special tokens, words without a meaning, timestamps. Returns the id of the end of the text."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES), "<|translate|>"]
    special += ["<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    num_words = NUM_TOKENS - NUM_TIMESTAMPS - len(special) - len(letters)
    words = [f"\u0120word{number}" for number in range(num_words)]
    vocabulary = {token: number for number, token in enumerate([*letters, *words])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    stamps = [f"<|{number * 0.02:.2f}|>" for number in range(NUM_TIMESTAMPS)]
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in [*special, *stamps]])
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")
    return len(vocabulary)


def make_whisper(folder: Path, seed: int = 0) -> Path:
    """Write the model as faster-whisper opens it."""
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    original = folder / "original"
    original.mkdir(parents=True)
    end = write_tokenizer(original)
    generator_state = torch.get_rng_state()
    torch.manual_seed(seed)
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": end + 1}
    network = WhisperForConditionalGeneration(
        WhisperConfig(vocab_size=NUM_TOKENS, num_mel_bins=80, init_std=0.5, **sizes, **heads, **ids)
    )
    with torch.no_grad():  # The end of the text is likely from the start: it would go on to 448 tokens.
        way = torch.nn.functional.normalize(torch.randn(16), dim=0)
        network.model.decoder.layer_norm.bias.copy_(2 * way)
        network.model.decoder.embed_tokens.weight[end] = 3 * way
    torch.set_rng_state(generator_state)
    languages = {f"<|{code}|>": end + 2 + number for number, code in enumerate(LANGUAGES)}
    network.generation_config = GenerationConfig(
        suppress_tokens=[], begin_suppress_tokens=[], lang_to_id=languages, alignment_heads=[[1, 0], [1, 1]], **ids
    )
    network.save_pretrained(original)
    converted = folder / "tiny-random"
    converter = TransformersConverter(str(original), copy_files=["tokenizer.json"])
    converter.convert(str(converted), quantization="int8")
    return converted
