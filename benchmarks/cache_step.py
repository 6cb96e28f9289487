"""What does a decoding step with a cache cost, when many tokens have been read?

Claims: one token more, after 1,000 tokens, takes at most 1.5 times as long as after 10: for the
decoder of the Transformer's base size (6 layers, 512 features, 8 heads, 2,048 hidden), one
sequence, for one of its layers, with few heads of keys, and with the score "cosine".

Run:    python benchmarks/cache_step.py [--full] [--json] [--strict]
Method: a step is first compared with the whole target read at once, then steps after 10 and after
        1,000 tokens are timed in turn (timing.py). The memory has 50 tokens. A batch of 8 and
        attention alone are shown beside it, without a claim: they do little else than read keys
        and values from memory, of which there are 100 times as many.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from answers import agree
from report import Report, main
from timing import Local
from torch import Tensor

from regard.masks import causal
from regard.nn import MultiheadAttention, TransformerDecoder, TransformerDecoderLayer

FEATURES, HEADS, HIDDEN, LAYERS, MEMORY = 512, 8, 2048, 6, 50
FEW, MANY = 10, 1000
BATCHES = (1, 8)


@dataclass(frozen=True)
class Steps:
    """How to take a step after some tokens, again and again, and to read the whole at once."""

    after: Callable[[Tensor], Callable[[Tensor], Tensor]]
    whole: Callable[[Tensor], Tensor]


def decoder(batch: int, **options: Any) -> Steps:
    """The whole decoder."""
    layer = TransformerDecoderLayer(FEATURES, HEADS, HIDDEN, **options)
    return _steps(TransformerDecoder(layer, LAYERS).eval(), batch)


def layer(batch: int, **options: Any) -> Steps:
    """One of its layers."""
    return _steps(TransformerDecoderLayer(FEATURES, HEADS, HIDDEN, **options).eval(), batch)


def _steps(module: Any, batch: int) -> Steps:
    memory = torch.randn(batch, MEMORY, FEATURES)

    def after(tokens: Tensor) -> Callable[[Tensor], Tensor]:
        state = module.begin(memory, capacity=tokens.shape[1] + 1)
        module.step(tokens, state)
        caches = [held.cache for held in getattr(state, "layers", (state,))]

        def step(x: Tensor) -> Tensor:
            output = module.step(x, state)
            for cache in caches:
                cache.truncate(tokens.shape[1])
            return output

        return step

    return Steps(after, lambda tokens: module(tokens, memory))


def attention(batch: int, **options: Any) -> Steps:
    """Its self-attention alone."""
    module = MultiheadAttention(FEATURES, HEADS, **options).eval()

    def after(tokens: Tensor) -> Callable[[Tensor], Tensor]:
        cache = module.allocate(batch, tokens.shape[1] + 1)
        module(tokens, cache=cache)

        def step(x: Tensor) -> Tensor:
            output = module(x, cache=cache)
            cache.truncate(tokens.shape[1])
            return output

        return step

    return Steps(after, lambda tokens: module(tokens, mask=causal()))


CASES: tuple[tuple[str, Callable[..., Steps], dict[str, Any]], ...] = (
    ("decoder", decoder, {}),
    ("layer", layer, {}),
    ("attention", attention, {}),
    ("decoder, 2 heads of keys", decoder, {"kv_heads": 2}),
    ("decoder, cosine", decoder, {"score": "cosine"}),
)


@torch.inference_mode()
def measure(report: Report) -> None:
    for name, make, options in CASES:
        for batch in BATCHES:
            torch.manual_seed(0)
            case, steps = f"{name}, batch {batch}", make(batch, **options)
            tokens = torch.randn(batch, MANY + 1, FEATURES)
            calls = {}
            for count in (FEW, MANY):
                step, last = steps.after(tokens[:, :count]), tokens[:, count : count + 1]
                want = steps.whole(tokens[:, : count + 1])[:, -1:]
                agree(f"{case}, after {count}", {"regard": [step(last)]}, [want.numpy()])
                calls[f"after {count}"] = Local(lambda step=step, last=last: step(last))
            times = report.compare(case, calls, base=f"after {FEW}", rounds=15)
            if batch == 1 and make is not attention:
                ratio = times.ratio(f"after {MANY}", f"after {FEW}")
                report.claim(f"{case}: after {MANY} tokens, over after {FEW}", ratio, 1.5)
    report.note(
        f"after {MANY} tokens a layer reads {2 * MANY * FEATURES * 4 / 1e6:.1f} MB of keys and "
        "values for each sequence, and the 15 MB of its weights for all of them together: a large "
        "batch pays the pace of the memory, and fewer heads of keys are what spares it"
    )
    report.note(
        "what is done to a key alone is done once: projections, rotations, the unit vectors of "
        "cosine. The scores additive, trilinear, distance and symmetric_relu do more for each "
        "pair, or write all keys anew at each step, and sparsemax and entmax15 sort them: these "
        "are not within the claim"
    )


if __name__ == "__main__":
    main(__file__, __doc__, measure)
