"""What does watching cost?

Claims: at 8,192 tokens, 12 layers and 8 heads, an encoder that is watched, and asked for the top 8
keys of every query of every layer and head, takes at most 1.5 GB more than unwatched (all weights
would be 26 GB); and watching costs at most 5% time, of torch's encoder, of transformers' Llama, and
of Llama's ``generate()``.

Run:    python benchmarks/watching.py [--full] [--json] [--strict]
Method: the memory is what one run raises the peak of a fresh process by, watched and unwatched; the
        weights of some queries are compared with the formula first. Times are those of the model
        alone: the weights are asked for afterwards, and cost what they cost. Torch's fast path is
        off for both.
"""

from collections.abc import Sequence
from typing import Any

import torch
from answers import agree
from process import Call, peak_mb
from report import Report, main
from timing import Local
from torch import nn

import regard

LAYERS, HEADS, FEATURES, TOKENS, TOP = 12, 8, 512, 8192, 8
PLAIN = "unwatched"


def encoder(layers: int, features: int = FEATURES) -> nn.Module:
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)
    layer = nn.TransformerEncoderLayer(features, HEADS, features, batch_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval()


def largest(tokens: int, watched: bool) -> Call:
    """The top keys of all queries; of a model that is not watched its outputs alone."""
    model, x = encoder(LAYERS), torch.randn(1, tokens, FEATURES)

    def call() -> Sequence[Any]:
        with torch.no_grad():
            if not watched:
                return [model(x)]
            with regard.watch(model) as seen:
                output = model(x)
        return [output, [layer.top(TOP) for layer in seen.layers]]

    return call


def check() -> None:
    """The weights of a few queries beside those that the layer gives when asked."""
    model, x = encoder(2), torch.randn(1, 256, FEATURES)
    calls: list[Any] = []
    attention: Any = model.get_submodule("layers.1.self_attn")
    attention.register_forward_pre_hook(lambda _, args: calls.append(args))
    with torch.no_grad():
        with regard.watch(model) as seen:
            model(x)
        query, key, value = calls[0]
        want = attention(query, key, value, need_weights=True, average_attn_weights=False)[1]
    top = seen[1].top(TOP)
    agree(
        "top 8",
        {"regard": [top.weights, want.gather(-1, top.indices)]},
        [want.topk(TOP).values] * 2,
    )


def models() -> dict[str, tuple[nn.Module, Any]]:
    """Models, and what is called of each."""
    torch.manual_seed(0)
    tower, x = encoder(6), torch.randn(4, 256, FEATURES)
    found: dict[str, tuple[nn.Module, Any]] = {
        "torch's encoder, 4 × 256 tokens": (tower, lambda: tower(x))
    }
    try:
        from transformers import LlamaConfig, LlamaForCausalLM
    except ImportError:
        return found
    config = LlamaConfig(
        hidden_size=512,
        intermediate_size=2048,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        vocab_size=1000,
    )
    llama = LlamaForCausalLM._from_config(config, attn_implementation="sdpa").eval()
    ids, start = torch.randint(3, 1000, (4, 256)), torch.randint(3, 1000, (1, 64))
    options: Any = {
        "max_new_tokens": 32,
        "do_sample": False,
        "pad_token_id": 0,
        "eos_token_id": None,
    }
    found["Llama, 4 × 256 tokens"] = (llama, lambda: llama(ids))
    found["Llama, 32 tokens written after 64"] = (llama, lambda: llama.generate(start, **options))
    return found


def measure(report: Report) -> None:
    check()
    small = {"tokens": 64}
    case = f"{TOKENS:,} tokens, {LAYERS} layers, {HEADS} heads"
    peaks = {
        name: peak_mb(largest, small, tokens=TOKENS, watched=name != PLAIN)
        for name in (PLAIN, "watched, top 8")
    }
    report.row(case=case, **{f"{name}, MB": peak for name, peak in peaks.items()})
    more = [peak for peak in peaks.values() if peak is not None]
    extra = more[1] - more[0] if len(more) == 2 else None
    report.claim(f"top {TOP} of {case}, memory beside the unwatched", extra, 1500, unit="MB")
    for name, (model, call) in models().items():

        def watched(model: nn.Module = model, call: Any = call) -> None:
            with regard.watch(model):
                call()

        with torch.no_grad():
            times = report.compare(
                name, {PLAIN: Local(call), "watched": Local(watched)}, base=PLAIN, rounds=15
            )
        report.claim(f"watching {name}", times.ratio("watched", PLAIN), 1.05)


if __name__ == "__main__":
    main(__file__, __doc__, measure)
