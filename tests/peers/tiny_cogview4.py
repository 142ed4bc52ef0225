"""Writes a CogView4 of a few megabytes with random weights: `python tiny_cogview4.py FOLDER`.

The shapes are those of diffusers' own test of the pipeline (tests/pipelines/cogview4), but for a
VAE of the real one's four steps, so that sizes in steps of 32 are taken as by the real weights,
and for a tokenizer made here, since none can be downloaded. It runs in the server's environment
and imports nothing of this project.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

VOCABULARY = 512
SIDE = 128


def tokenizer() -> Any:
    """Bytes as tokens, with a mark that begins each text, as GLM's has, and one that fills up."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<pad>", "<sop>"], initial_alphabet=alphabet
    )
    made.train_from_iterator(["a small cat by the window"], trainer)
    made.post_processor = processors.TemplateProcessing("<sop> $A", special_tokens=[("<sop>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", padding_side="left", model_max_length=224
    )


def pipeline() -> Any:
    """The whole pipeline, on the CPU."""
    import torch
    from diffusers import (
        AutoencoderKL,
        CogView4Pipeline,
        CogView4Transformer2DModel,
        FlowMatchEulerDiscreteScheduler,
    )
    from transformers import GlmConfig, GlmModel

    torch.manual_seed(0)
    transformer = CogView4Transformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=4,
        num_attention_heads=4,
        out_channels=4,
        text_embed_dim=32,
        time_embed_dim=8,
        condition_dim=4,
    )
    vae = AutoencoderKL(
        block_out_channels=[32, 32, 32, 32],
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        sample_size=SIDE,
    )
    scheduler = FlowMatchEulerDiscreteScheduler(
        base_shift=0.25,
        max_shift=0.75,
        base_image_seq_len=256,
        use_dynamic_shifting=True,
        time_shift_type="linear",
    )
    text_encoder = GlmModel(
        GlmConfig(
            hidden_size=32,
            intermediate_size=8,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            vocab_size=VOCABULARY,
            pad_token_id=0,
            eos_token_id=0,
        )
    )
    return CogView4Pipeline(
        tokenizer=tokenizer(),
        text_encoder=text_encoder,
        vae=vae,
        transformer=transformer,
        scheduler=scheduler,
    )


def main() -> None:
    folder = Path(sys.argv[1])
    pipeline().save_pretrained(folder)
    print(f"{folder}: {sum(path.stat().st_size for path in folder.rglob('*.*')) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
