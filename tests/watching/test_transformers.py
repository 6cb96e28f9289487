"""What models of Hugging Face's transformers attend to, against their eager attentions."""

from typing import Any

import pytest
import torch
from torch import Tensor

import regard

transformers = pytest.importorskip("transformers")

from .models import pair  # noqa: E402

SMALL = {"vocab_size": 50, "max_position_embeddings": 64}
IDS = torch.randint(3, 50, (2, 7), generator=torch.Generator().manual_seed(0))
LEFT = torch.tensor([[0, 0, 1, 1, 1, 1, 1], [1] * 7])
RIGHT = LEFT.flip(1)


def llama(**changes: Any) -> Any:
    return transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        **SMALL,
        **changes,
    )


def bert() -> Any:
    return transformers.BertConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        **SMALL,
    )


def bart() -> Any:
    return transformers.BartConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        forced_eos_token_id=None,
        **SMALL,
    )


def vit() -> Any:
    return transformers.ViTConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=16,
        patch_size=4,
    )


def close(found: Tensor, want: Tensor, real: Tensor | None = None) -> None:
    """Equal to 1e-5, in the rows of ``real`` (B, Q) queries; others stand on padding, where the
    fused function gives zeros and the eager one 1/K."""
    assert found.shape == want.shape
    off = (found - want).abs()
    off = off if real is None else off[real.bool()[:, None].expand(off.shape[:3])]
    assert off.max() <= 1e-5


def test_llama_with_grouped_heads_and_padding() -> None:
    eager, fused = pair(transformers.LlamaForCausalLM, llama())
    with torch.no_grad():
        want = eager(IDS, attention_mask=LEFT, output_attentions=True).attentions
        plain = fused(IDS, attention_mask=LEFT).logits
        with regard.watch(fused) as seen:
            output = fused(IDS, attention_mask=LEFT).logits
        with regard.watch(eager) as given:
            eager(IDS, attention_mask=LEFT)
    assert torch.equal(output, plain)
    assert [layer.name for layer in seen.layers] == [f"model.layers.{n}.self_attn" for n in (0, 1)]
    for number, rows in enumerate(want):
        close(seen[number].weights(), rows, LEFT)
        assert torch.equal(given[number].weights(), rows)


@pytest.mark.parametrize("cache", ["dynamic", "static"])
def test_generate_with_a_cache(cache: str) -> None:
    eager, fused = pair(transformers.LlamaForCausalLM, llama())
    options: dict[str, Any] = {
        "attention_mask": LEFT,
        "max_new_tokens": 6,
        "do_sample": False,
        "pad_token_id": 0,
        "eos_token_id": None,
        "cache_implementation": cache,
    }
    told = eager.generate(IDS, output_attentions=True, return_dict_in_generate=True, **options)
    plain = fused.generate(IDS, **options)
    with regard.watch(fused) as seen:
        written = fused.generate(IDS, **options)
    assert torch.equal(written, plain)
    assert torch.equal(written, told.sequences)
    for layer in (0, 1):
        for step, layers in enumerate(told.attentions):
            close(seen[layer].calls[step].weights(), layers[layer], None if step else LEFT)
        # All steps as one: a triangle, with what the mask hides.
        rows = seen[layer].weights()
        assert rows.shape == (2, 4, 12, 12)
        assert rows.triu(1).max() == 0
        close(rows[:, :, -1:, :], torch.nn.functional.pad(told.attentions[-1][layer], (0, 0)))
        close(rows[:, :, 8:10], seen[layer].weights(queries=slice(8, 10)))
        close(seen[layer].key_totals(), rows.sum(-2))
        top = seen[layer].top(3, heads=[2])
        close(top.weights, rows[:, [2]].sort(-1, descending=True).values[..., :3])


@pytest.mark.parametrize("kind", ["BertModel", "BertLMHeadModel"])
def test_bert_with_padding(kind: str) -> None:
    config = bert()
    config.is_decoder = kind == "BertLMHeadModel"
    eager, fused = pair(getattr(transformers, kind), config)
    with torch.no_grad():
        want = eager(IDS, attention_mask=RIGHT, output_attentions=True).attentions
        with regard.watch(fused) as seen:
            fused(IDS, attention_mask=RIGHT)
    for number, rows in enumerate(want):
        close(seen[number].weights(), rows, RIGHT)


def test_bart_both_sides_and_generate_with_beams() -> None:
    eager, fused = pair(transformers.BartForConditionalGeneration, bart())
    labels = IDS[:, :5]
    with torch.no_grad():
        told = eager(IDS, attention_mask=RIGHT, decoder_input_ids=labels, output_attentions=True)
        with regard.watch(fused) as seen:
            fused(IDS, attention_mask=RIGHT, decoder_input_ids=labels)
    for kind, want, real in (
        ("encoder.layers.{}.self_attn", told.encoder_attentions, RIGHT),
        ("decoder.layers.{}.self_attn", told.decoder_attentions, None),
        ("decoder.layers.{}.encoder_attn", told.cross_attentions, None),
    ):
        for number, rows in enumerate(want):
            close(seen[f"model.{kind.format(number)}"].weights(), rows, real)

    options: dict[str, Any] = {"attention_mask": RIGHT, "num_beams": 2, "max_new_tokens": 5}
    options |= {"do_sample": False, "eos_token_id": None}
    told = eager.generate(IDS, output_attentions=True, return_dict_in_generate=True, **options)
    with regard.watch(fused) as seen:
        written = fused.generate(IDS, **options)
    assert torch.equal(written, told.sequences)
    for step, layers in enumerate(told.cross_attentions):
        for number, rows in enumerate(layers):
            close(seen[f"model.decoder.layers.{number}.encoder_attn"].calls[step].weights(), rows)
    assert seen["model.decoder.layers.0.encoder_attn"].shape == (4, 4, 5, 7)


def test_vit() -> None:
    eager, fused = pair(transformers.ViTModel, vit())
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        want = eager(images, output_attentions=True).attentions
        with regard.watch(fused) as seen:
            fused(images)
    for number, rows in enumerate(want):
        close(seen[number].weights(), rows)


def test_flash_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernel runs on GPUs only: this is what it computes, in plain operations, called in its
    # place, with queries and keys of (B, length, heads, features).
    def kernel(query: Tensor, key: Tensor, value: Tensor, padding: Any, **options: Any) -> Tensor:
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        many = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(many, 1), value.repeat_interleave(many, 1)
        count = key.shape[2]
        far = torch.arange(count)[:, None] - torch.arange(count)
        allowed = (far >= 0) & (far < (options["sliding_window"] or count))
        allowed = allowed & padding.bool()[:, None, None]
        raw = query @ key.mT * options["softmax_scale"]
        rows = raw.masked_fill(~allowed, -torch.inf).softmax(-1).nan_to_num(0)
        kept.append(rows)
        return (rows @ value).transpose(1, 2)

    kept: list[Tensor] = []
    flash = transformers.integrations.flash_attention
    monkeypatch.setattr(flash, "_flash_attention_forward", kernel)
    for window in (None, 3):
        kept.clear()
        _, fused = pair(transformers.MistralForCausalLM, mistral(window))
        fused.config._attn_implementation_internal = "flash_attention_2"
        with torch.no_grad(), regard.watch(fused) as seen:
            fused(IDS, attention_mask=LEFT)
        assert len(seen) == len(kept) == 2
        for number, rows in enumerate(kept):
            close(seen[number].weights(), rows, LEFT)


def mistral(window: int | None) -> Any:
    return transformers.MistralConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=window,
        **SMALL,
    )


def test_sliding_windows() -> None:
    eager, fused = pair(transformers.MistralForCausalLM, mistral(3))
    with torch.no_grad():
        want = eager(IDS, attention_mask=LEFT, output_attentions=True).attentions
        with regard.watch(fused) as seen:
            fused(IDS, attention_mask=LEFT)
    for number, rows in enumerate(want):
        close(seen[number].weights(), rows, LEFT)


def test_what_cannot_be_told_is_said() -> None:
    eager, fused = pair(transformers.BertModel, bert())
    with torch.no_grad(), regard.watch(fused, only="*.layer.1.*") as seen:
        fused(IDS)
    assert [layer.name for layer in seen.layers] == ["encoder.layer.1.attention.self"]
    with torch.no_grad(), regard.watch(eager.embeddings) as seen:
        eager(IDS)
    with pytest.raises(regard.errors.RangeError, match="a softmax written out by hand is not"):
        seen[0]
