"""Arguments of torch's layers that mean something else here, or nothing: what to write instead."""

from typing import Any

from regard.errors import KindError

DENSE = "masks.dense(allowed) with True = may attend, which in torch means the opposite"
PADDING = "masks.padding(lengths): lengths are how many tokens each row of the batch has"

INSTEAD = {
    "attn_mask": f"mask={DENSE}; numbers to add go to bias=biases.dense(numbers)",
    "key_padding_mask": f"mask={PADDING}",
    "is_causal": "mask=masks.causal()",
    "need_weights": "return_weights=True",
    "average_attn_weights": "return_weights=True, and weights.mean(-3): they are given per head",
    "batch_first": "nothing, for the batch is first here; transpose inputs (Q, B, E) beforehand",
    "add_bias_kv": "a learned token at the end of key and value, as torch's layer appends one",
    "add_zero_attn": "a token of zeros at the end of what read takes, or normalizer='sigmoid'",
    "src_mask": f"mask={DENSE}",
    "src_key_padding_mask": f"mask={PADDING}",
    "tgt_mask": f"mask={DENSE}; a decoder is causal without it",
    "tgt_key_padding_mask": f"mask={PADDING}",
    "tgt_is_causal": "nothing, for a decoder is causal here",
    "memory_key_padding_mask": f"memory_mask={PADDING}",
    "memory_is_causal": "memory_mask=masks.causal()",
    "enable_nested_tensor": "nothing, for there are no nested tensors here",
    "mask_check": "nothing, for there are no nested tensors here",
    "device": "layer.to(device)",
    "dtype": "layer.to(dtype)",
}
"""Arguments of torch's layers that are not taken, and what to write."""


def refuse(who: str, given: dict[str, Any]) -> None:
    """Raise ``KindError`` if there is any argument that ``who`` does not take."""
    for name in given:
        if name in INSTEAD:
            raise KindError(f"{who} does not take torch's {name}: write {INSTEAD[name]}")
        raise KindError(f"{who} has no argument called {name!r}")
