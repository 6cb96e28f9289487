"""The attentions of Hugging Face's transformers: its table of functions, and its eager ones.

Source: transformers 5.24: ``modeling_utils.AttentionInterface``, ``integrations/``
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import Tensor, nn

from regard import masks
from regard.scores import ScaledDot, SoftCap
from regard.watching.calls import of_product, of_rows
from regard.watching.telling import Make, tell
from regard.watching.torch_calls import HERE

TABLE = ("transformers.modeling_utils", "AttentionInterface", "_global_mapping")


def replacements() -> list[tuple[dict[str, Any], str, Callable[..., Any]]]:
    """The entries of the library's table that are replaced; none, where it was not imported."""
    library, name, attribute = TABLE
    kind = getattr(sys.modules.get(library), name, None)
    table: dict[str, Any] = getattr(kind, attribute, {})
    found = []
    for key, function in table.items():
        if key == "sdpa":
            found.append((table, key, _sdpa(function)))
        elif key.startswith("flash_attention"):
            found.append((table, key, _flash(function)))
        elif key == "flex_attention":
            found.append((table, key, _flex(function)))
    return found


def eager(function: Callable[..., Any]) -> Callable[..., Any]:
    """An eager function, which returns the weights that it made, whatever went into them."""

    @wraps(function)
    def ours(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        output = function(module, *args, **kwargs)
        if isinstance(output, tuple) and len(output) > 1 and isinstance(output[1], Tensor):
            tell(of_rows(output[1]), module)
        return output

    return ours


def _sdpa(function: Callable[..., Any]) -> Callable[..., Any]:
    """It calls torch's function, and for one query with the heads of a group as queries."""

    @wraps(function)
    def ours(module: nn.Module, query: Tensor, *args: Any, **kwargs: Any) -> Any:
        before = HERE.split
        HERE.split = (query.shape[1], query.shape[2]) if query.ndim == 4 else None
        try:
            return function(module, query, *args, **kwargs)
        finally:
            HERE.split = before

    return ours


def _flash(function: Callable[..., Any]) -> Callable[..., Any]:
    """It calls kernels of another package."""

    @wraps(function)
    def ours(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **kwargs: Any,
    ) -> Any:
        output = function(module, query, key, value, attention_mask, **kwargs)
        tell(_of_flash(module, query, key, attention_mask, kwargs), module)
        return output

    return ours


def _of_flash(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    padding: Tensor | None,
    options: dict[str, Any],
) -> Make:
    """Queries and keys ``(B, H, ·, E)``; ``padding`` ``(B, K)`` is 0 where a key is none."""
    if options.get("s_aux") is not None:
        return lambda _: "flash attention with sinks"
    if options.get("cu_seq_lens_q") is not None:
        return lambda _: "flash attention over several sequences in a row"
    causal, width = options.get("is_causal"), options.get("sliding_window")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    before = None if width is None else width - 1
    rule = None
    if causal or before is not None:
        # Aligned at the end: what flash-attn does since 2.1.
        rule = masks.window(before, 0 if causal else before)
    scaling, cap = options.get("scaling"), options.get("softcap")
    score: Any = ScaledDot() if scaling is None else ScaledDot(float(scaling))
    return of_product(
        query,
        key,
        allowed=None if padding is None else padding.bool()[:, None, None],
        rule=rule,
        score=SoftCap(score, float(cap)) if cap else score,
        enable_gqa=True,
    )


def _flex(function: Callable[..., Any]) -> Callable[..., Any]:
    """It calls a kernel that is compiled for a function of scores."""

    @wraps(function)
    def ours(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        tell(lambda _: "flex_attention: load the model with attn_implementation='sdpa'", module)
        return function(module, *args, **kwargs)

    return ours
