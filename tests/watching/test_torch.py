"""What torch's own modules attend to, against the weights that they give when asked for them."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import regard

from .models import Block, explicit

SIZE = {"d_model": 16, "nhead": 4, "dim_feedforward": 32, "batch_first": True}
PADDING = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])


def asked(module: nn.MultiheadAttention, calls: list[Any]) -> list[Tensor]:
    """The weights of a module's calls, by its own way."""
    found = []
    for args, kwargs in calls:
        given = kwargs | {"need_weights": True, "average_attn_weights": False, "is_causal": False}
        found.append(module(*args, **given)[1])
    return found


def recorded(model: nn.Module) -> dict[str, list[Any]]:
    """The arguments of each attention, as hooks get them."""
    calls: dict[str, list[Any]] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            calls[name] = []
            module.register_forward_pre_hook(
                lambda _, args, kwargs, own=calls[name]: own.append((args, kwargs)),
                with_kwargs=True,
            )
    return calls


def check(model: nn.Module, *args: Any, **kwargs: Any) -> regard.watching.Watch:
    """The same outputs, and the weights of every attention."""
    witness = copy.deepcopy(model)
    calls = recorded(witness)
    with torch.no_grad():
        torch.backends.mha.set_fastpath_enabled(False)
        plain = witness(*args, **kwargs)
        torch.backends.mha.set_fastpath_enabled(True)
        fast = model(*args, **kwargs)
        with regard.watch(model) as seen:
            output = model(*args, **kwargs)
        assert torch.equal(output, plain)
        real = ~kwargs.get("src_key_padding_mask", torch.zeros(output.shape[:2])).bool()
        torch.testing.assert_close(output[real], fast[real], rtol=0, atol=1e-6)
        assert [layer.name for layer in seen.layers] == list(calls)
        for name, module in witness.named_modules():
            if isinstance(module, nn.MultiheadAttention):
                wanted = asked(module, calls[name].copy())
                for call, want in zip(seen[name].calls, wanted, strict=True):
                    torch.testing.assert_close(call.weights(), want, rtol=0, atol=1e-5)
    assert torch.backends.mha.get_fastpath_enabled()
    return seen


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_encoder_with_padding() -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**SIZE), 2).eval()
    seen = check(encoder, torch.randn(2, 6, 16), src_key_padding_mask=PADDING)
    assert seen[1].weights(batch=1)[..., 4:].abs().max() == 0


def test_decoder_with_a_causal_mask_and_padded_memory() -> None:
    torch.manual_seed(0)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**SIZE), 2).eval()
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    seen = check(
        decoder,
        torch.randn(2, 5, 16),
        torch.randn(2, 6, 16),
        tgt_mask=causal,
        tgt_is_causal=True,
        memory_key_padding_mask=PADDING,
    )
    assert [layer.name.split(".")[-1] for layer in seen.layers] == [
        "self_attn",
        "multihead_attn",
    ] * 2
    assert seen["layers.0.multihead_attn"].shape == (2, 4, 5, 6)


@pytest.mark.parametrize("needs", [True, False])
@pytest.mark.parametrize("form", ["batch first", "length first", "alone"])
def test_multihead_attention_in_every_form(needs: bool, form: str) -> None:
    torch.manual_seed(1)
    layer = nn.MultiheadAttention(
        16,
        4,
        batch_first=form == "batch first",
        add_bias_kv=True,
        add_zero_attn=True,
        kdim=12,
        vdim=10,
    ).eval()
    lead = {"batch first": (2, 5), "length first": (5, 2), "alone": (5,)}[form]
    keys = {"batch first": (2, 6), "length first": (6, 2), "alone": (6,)}[form]
    inputs = torch.randn(*lead, 16), torch.randn(*keys, 12), torch.randn(*keys, 10)
    bias = torch.randn(5, 6)
    kwargs = {"attn_mask": bias, "key_padding_mask": PADDING[1] if form == "alone" else PADDING}
    kwargs["key_padding_mask"] = kwargs["key_padding_mask"].float() * -3
    plain = layer(*inputs, need_weights=needs, **kwargs)
    with regard.watch(layer) as seen:
        output = layer(*inputs, need_weights=needs, **kwargs)
    assert all(torch.equal(a, b) for a, b in zip(output, plain, strict=True) if a is not None)
    (want,) = asked(layer, [(inputs, kwargs)])
    found = seen[0].weights()
    torch.testing.assert_close(found, want if want.ndim == 4 else want[None], rtol=0, atol=1e-5)


def test_training_with_dropout_gives_the_weights_before_it_and_the_same_gradients() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(**SIZE, dropout=0.5).train()
    x = torch.randn(2, 6, 16)
    gradients = []
    for watched in (False, True):
        layer.zero_grad()
        torch.manual_seed(7)
        if watched:
            with regard.watch(layer) as seen:
                layer(x).square().sum().backward()
        else:
            layer(x).square().sum().backward()
        gradients.append([p.grad.clone() for p in layer.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    rows = seen[0].weights()
    assert not rows.requires_grad
    torch.testing.assert_close(rows.sum(-1), torch.ones(2, 4, 6))


@pytest.mark.parametrize("causal", [False, True])
def test_one_projection_for_all(causal: bool) -> None:
    torch.manual_seed(0)
    block, x = Block(), torch.randn(2, 6, 16)
    with regard.watch(block) as seen, torch.no_grad():
        block(x, causal=causal)
    query, key, _ = block.split(x)
    allowed = torch.ones(6, 6).tril().bool() if causal else None
    torch.testing.assert_close(
        seen[0].weights(), explicit(query, key, allowed).detach(), rtol=0, atol=1e-6
    )


MASKS = {
    "booleans of all": torch.rand(2, 4, 6, 6, generator=torch.Generator().manual_seed(0)) > 0.3,
    "of heads": torch.randn(4, 6, 6, generator=torch.Generator().manual_seed(1)),
    "of keys": torch.tensor([[True] * 6, [True] * 3 + [False] * 3])[:, None, None],
    "of the plane": torch.randn(6, 6, generator=torch.Generator().manual_seed(2)),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_every_form(name: str) -> None:
    torch.manual_seed(0)
    block, x, mask = Block(), torch.randn(2, 6, 16), MASKS[name]
    with regard.watch(block) as seen, torch.no_grad():
        block(x, mask)
    query, key, _ = block.split(x)
    raw = query @ key.mT / 2
    raw = raw.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else raw + mask
    want = raw.softmax(-1).nan_to_num(0).detach()  # a query that sees nothing
    torch.testing.assert_close(seen[0].weights(), want, rtol=0, atol=1e-6)
    some = seen[0].weights(heads=[3, 1], queries=slice(2, 4), batch=1)
    torch.testing.assert_close(some, want[1:, [3, 1], 2:4], rtol=0, atol=1e-6)


class Loose(nn.Module):
    """Axes other than batch and heads, and a name of one's own for the function."""

    def forward(self, *args: Tensor) -> Tensor:
        return own_name(*args)


own_name = F.scaled_dot_product_attention


@pytest.mark.parametrize("lead", [(), (3,), (2, 3, 2)])
def test_other_axes_and_a_function_imported_by_name(lead: tuple[int, ...]) -> None:
    query, key = torch.randn(*lead, 4, 8), torch.randn(*lead, 5, 8)
    mask = torch.rand(*lead[-1:], 4, 5) > 0.2
    with regard.watch(Loose()) as seen:
        Loose()(query, key, key)  # another model
        seen._model(query, key, key, mask)
    want = explicit(query, key, mask).nan_to_num(0)
    shape = {0: (1, 1, 4, 5), 1: (3, 1, 4, 5), 3: (6, 2, 4, 5)}[len(lead)]
    torch.testing.assert_close(seen[0].weights(), want.reshape(shape), rtol=0, atol=1e-6)
    assert F.scaled_dot_product_attention is own_name


def test_half_precision_and_autocast() -> None:
    torch.manual_seed(0)
    block, x = Block(), torch.randn(1, 6, 16)
    with regard.watch(block) as seen, torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        block(x)
        query, key, _ = block.split(x)
    want = explicit(query.float(), key.float())
    torch.testing.assert_close(seen[0].weights(), want, rtol=0, atol=1e-6)


def test_compiled_models_are_watched_uncompiled() -> None:
    block, x = Block(), torch.randn(1, 6, 16)
    compiled = torch.compile(block, backend="eager")
    with torch.no_grad():
        compiled(x)
        with regard.watch(block) as seen:
            compiled(x)
    assert len(seen) == 1


def test_checkpointing_is_seen_once() -> None:
    block, x = Block(), torch.randn(1, 6, 16, requires_grad=True)
    with regard.watch(block) as seen:
        torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False).sum().backward()
    assert len(seen[0].calls) == 1


@pytest.mark.parametrize(("batch", "queries", "keys"), [(0, 3, 3), (1, 0, 3), (1, 3, 0), (1, 1, 1)])
def test_nothing_and_one(batch: int, queries: int, keys: int) -> None:
    query, key = torch.randn(batch, 2, queries, 4), torch.randn(batch, 2, keys, 4)
    model = Loose()
    with regard.watch(model) as seen:
        model(query, key, key)
    assert seen["Loose"].weights().shape == (batch, 2, queries, keys)
    assert seen[0].weights(heads=[1]).shape == (batch, 1, queries, keys)
    assert seen[0].top(2).indices.shape == (batch, 2, queries, 2)
    assert seen[0].key_totals().shape == (batch, 2, keys)
