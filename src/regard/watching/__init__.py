"""Watch what any PyTorch model attends to, exactly, while it runs on its fused kernels.

watch         the context manager; watch.py: what it gives
layer         a module's calls;  sources: what their weights are made of
kept, room    tensors that are kept, and how many
torch_calls, transformers_calls, calls    the calls that are seen;  patches: how
callers       which module called;  telling: who is told
rollout, shown    all layers at once: as one matrix, as a page
"""

import torch
from torch import nn

from regard.errors import KindError, RangeError
from regard.watching.kept import Keeping
from regard.watching.layer import Call, Layer
from regard.watching.watch import Watch

__all__ = ["Call", "Layer", "Watch", "watch"]


def watch(
    model: nn.Module,
    *,
    memory: int | None = 4 * 2**30,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    copy: bool = False,
    only: str = "*",
) -> Watch:
    """Record what every attention of a model attends to, for as long as a ``with`` block lasts.

    The model is not changed and stays on its fused kernels: of each call the query, the key, the
    mask and the scale are kept, by reference, and weights are computed when they are asked for, for
    the layers, heads and queries that are asked for. The model's outputs stay the same to the bit;
    where torch's Transformer would take its fast path, which must be off, to rounding.

    Seen are: ``scaled_dot_product_attention`` and ``multi_head_attention_forward`` of
    ``torch.nn.functional``, and so ``nn.MultiheadAttention`` and ``nn.Transformer``; the eager,
    sdpa and flash attentions of Hugging Face's transformers, with caches, in ``generate()`` and
    with grouped heads; ``regard.attend`` and the layers of ``regard.nn``. A layer is called by the
    name of its module, the model itself by that of its class. Weights are those before dropout; of
    an eager attention of transformers they are the tensor that it made, after dropout.

    Not seen are: a softmax that is written out by hand; flex_attention; scripted modules. Compiled
    ones run uncompiled meanwhile.

    Args:
        model: any module. Calls of other models, and of other code, are not recorded.
        memory: bytes that may be kept; the tensors of the oldest calls go first, which
            ``watch.dropped`` and ``print(watch)`` tell. None: no limit.
        device: where to keep tensors; None: where they are.
        dtype: in what precision to keep them, such as ``torch.float16``; weights then differ by its
            rounding. None: as they are.
        copy: copy all tensors. Without, those are copied that have been written in place before, as
            a static cache is, and those under ``torch.inference_mode()``; and a tensor that is
            written over for the first time later is noticed, and its weights are refused.
        only: record the modules whose names match this pattern, such as ``"decoder.*"``.

    Raises:
        KindError: a model that is none, memory that is no whole number, a dtype of integers.
        RangeError: memory below 0.

    Cost: some microseconds a call, and the memory that would else have been freed.

    >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    >>> with watch(layer) as seen, torch.no_grad():
    ...     _ = layer(torch.zeros(1, 4, 8))
    >>> seen[0].name, seen[0].weights(heads=[1], queries=slice(0, 1))
    ('self_attn', tensor([[[[0.2500, 0.2500, 0.2500, 0.2500]]]]))
    """
    if not isinstance(model, nn.Module):
        raise KindError(f"a model to watch is a torch.nn.Module, not a {type(model).__name__}")
    if memory is not None and not isinstance(memory, int):
        raise KindError(f"memory is bytes, a whole number, and it is {memory!r}")
    if memory is not None and memory < 0:
        raise RangeError(f"memory is bytes, at least 0, and it is {memory}")
    if dtype is not None and not dtype.is_floating_point:
        raise KindError(f"dtype is one of floating-point numbers, and it is {dtype}")
    place = None if device is None else torch.empty(0, device=device).device
    keeping = Keeping(place, dtype, copy)
    return Watch(model, keeping=keeping, memory=memory, only=only)
