"""The Transformer's layers and stacks: torch's numbers, steps, padding, the traps."""

import pytest
import torch
import torch.nn.functional as F

from regard import biases, masks
from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.nn import (
    KeyValueCache,
    LearnedScore,
    RotaryPositions,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

E, H, T, K, DOUBLE = 8, 2, 4, 5, torch.float64
LENGTHS, TARGETS = torch.tensor([5, 2, 4]), torch.tensor([1, 4, 3])
ABOVE = torch.ones(T, T, dtype=torch.bool).triu(1)


def hidden(lengths, size):
    return torch.arange(size) >= lengths[:, None]


def drawn(layer):
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer.eval()


def both(theirs, ours):
    """Torch's layer and ours with its numbers, loaded strictly."""
    ours.load_state_dict(drawn(theirs).state_dict())
    return theirs, ours.eval()


def close(one, other):
    one, other = one.detach(), other.detach()
    assert (one - other).abs().max() <= 1e-5 * max(1.0, float(other.abs().max()))


def same_gradients(want, got, theirs, ours):
    want.square().mean().backward()
    got.square().mean().backward()
    of_theirs = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        close(parameter.grad, of_theirs[name].grad)


@pytest.mark.parametrize("norm_first", [False, True], ids=["post", "pre"])
@pytest.mark.parametrize("options", [{"activation": "relu"}, {"activation": "gelu", "bias": False}])
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's remarks on nested tensors
def test_encoders_equal_torchs(norm_first, options):
    options = options | {"dropout": 0.0, "norm_first": norm_first}
    layer = torch.nn.TransformerEncoderLayer(E, H, 16, batch_first=True, **options)
    theirs, ours = both(
        torch.nn.TransformerEncoder(layer, 3, torch.nn.LayerNorm(E)),
        TransformerEncoder(TransformerEncoderLayer(E, H, 16, **options), 3, torch.nn.LayerNorm(E)),
    )
    x = torch.randn(3, K, E)
    want = theirs.train()(x, src_key_padding_mask=hidden(LENGTHS, K))  # train: no fast path
    got = ours.train()(x, mask=masks.padding(LENGTHS))
    close(got, want)
    same_gradients(want, got, theirs, ours)
    one, other = both(layer, TransformerEncoderLayer(E, H, 16, **options))
    close(other(x), one(x))


@pytest.mark.parametrize("norm_first", [False, True], ids=["post", "pre"])
@pytest.mark.parametrize("options", [{"activation": "relu"}, {"activation": "gelu", "bias": False}])
def test_decoders_equal_torchs(norm_first, options):
    options = options | {"dropout": 0.0, "norm_first": norm_first}
    layer = torch.nn.TransformerDecoderLayer(E, H, 16, batch_first=True, **options)
    theirs, ours = both(
        torch.nn.TransformerDecoder(layer, 3, torch.nn.LayerNorm(E)),
        TransformerDecoder(TransformerDecoderLayer(E, H, 16, **options), 3, torch.nn.LayerNorm(E)),
    )
    x, memory = torch.randn(3, T, E), torch.randn(3, K, E)
    want = theirs(
        x,
        memory,
        tgt_mask=ABOVE,
        tgt_key_padding_mask=hidden(TARGETS, T),
        memory_key_padding_mask=hidden(LENGTHS, K),
    )
    got = ours(x, memory, mask=masks.padding(TARGETS), memory_mask=masks.padding(LENGTHS))
    close(got, want)
    same_gradients(want, got, theirs, ours)
    one, other = both(layer, TransformerDecoderLayer(E, H, 16, **options))
    close(other(x, memory), one(x, memory, tgt_mask=ABOVE))


def attention_in_loops(layer, query, key, allowed):
    """One row of a batch, head by head, pair by pair."""
    size, contexts = layer.head_dim, []
    w, b = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    q, k, v = (x @ w[n].T + b[n] for n, x in enumerate((query, key, key)))
    for h in range(layer.num_heads):
        part = slice(h * size, (h + 1) * size)
        z = torch.zeros(len(query), size, dtype=DOUBLE)
        for i in range(len(query)):
            seen = [j for j in range(len(key)) if allowed(i, j)]
            e = torch.stack([q[i, part] @ k[j, part] / size**0.5 for j in seen]).exp()
            for a, j in zip(e / e.sum(), seen, strict=True):
                z[i] += a * v[j, part]
        contexts.append(z)
    return torch.cat(contexts, -1) @ layer.out_proj.weight.T + layer.out_proj.bias


def test_a_decoder_layer_is_the_papers():
    layer = drawn(TransformerDecoderLayer(E, H, 16)).double()
    x, memory = torch.randn(3, T, E, dtype=DOUBLE), torch.randn(3, K, E, dtype=DOUBLE)
    got = layer(x, memory, memory_mask=masks.padding(LENGTHS))

    def normed(x, norm):
        mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, correction=0)
        return (x - mean) / (var + 1e-5).sqrt() * norm.weight + norm.bias

    for b in range(3):
        y = x[b]
        y = normed(y + attention_in_loops(layer.self_attn, y, y, lambda i, j: j <= i), layer.norm1)
        near = attention_in_loops(
            layer.multihead_attn, y, memory[b], lambda i, j, b=b: j < LENGTHS[b]
        )
        y = normed(y + near, layer.norm2)
        y = normed(y + layer.linear2(layer.linear1(y).clamp(min=0)), layer.norm3)
        torch.testing.assert_close(got[b], y)


def test_gradients():
    encoder = TransformerEncoderLayer(4, 2, 3, dropout=0.0, activation="gelu").double()
    decoder = TransformerDecoderLayer(
        4, 2, 3, dropout=0.0, activation="gelu", norm_first=True
    ).double()
    x, memory = (torch.randn(1, 2, 4, dtype=DOUBLE, requires_grad=True) for _ in range(2))
    # Each attention is checked entry by entry in test_multihead.py; here in a random direction.
    assert torch.autograd.gradcheck(
        lambda x, *_: encoder(x), (x, *encoder.parameters()), fast_mode=True
    )
    assert torch.autograd.gradcheck(
        lambda x, m, *_: decoder(x, m), (x, memory, *decoder.parameters()), fast_mode=True
    )


OPTIONS = {
    "post-norm": {},
    "pre-norm": {"norm_first": True, "activation": "gelu"},
    "grouped and rotary": {"kv_heads": 1, "rotary": RotaryPositions(4)},
    "additive": {"score": "additive"},
    "sparse": {"normalizer": "entmax15", "score": "cosine"},
}


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE], ids=str)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_steps_equal_the_whole_and_project_nothing_twice(options, dtype, monkeypatch):
    layer = TransformerDecoderLayer(E, H, 16, **options)
    decoder = drawn(TransformerDecoder(layer, 2, torch.nn.LayerNorm(E)).to(dtype))
    x, memory = torch.randn(3, 7, E, dtype=dtype), torch.randn(3, K, E, dtype=dtype)
    memory_mask, atol = masks.padding(LENGTHS), 1e-6 if dtype == DOUBLE else 1e-5
    rows = []
    linear = F.linear

    def counted(x, *args):
        rows.append(x.shape[:-1].numel())
        return linear(x, *args)

    with torch.no_grad():
        whole, weights = decoder(x, memory, memory_mask=memory_mask, return_weights=True)
        monkeypatch.setattr(F, "linear", counted)
        state = decoder.begin(memory, capacity=7, memory_mask=memory_mask)
        assert rows == [3 * K] * 4  # keys and values of two layers
        done = 0
        for n in (3, 1, 1, 1, 1):
            rows.clear()
            got, seen = decoder.step(x[:, done : done + n], state, return_weights=True)
            # self-attention's three in one, its W_O, the query's, its W_O, two of feed-forward
            assert rows == [3 * n] * 2 * 6
            torch.testing.assert_close(got, whole[:, done : done + n], atol=atol, rtol=0)
            for now, all_of_them in zip(seen, weights, strict=True):
                done_rows = slice(done, done + n)
                own = all_of_them.own[..., done_rows, : done + n]
                torch.testing.assert_close(now.own, own, atol=atol, rtol=0)
                of_memory = all_of_them.memory[..., done_rows, :]
                torch.testing.assert_close(now.memory, of_memory, atol=atol, rtol=0)
            done += n
            assert state.length == done
        with pytest.raises(RangeError, match="room for 7 tokens and holds 7"):
            decoder.step(x[:, :1], state)


@pytest.mark.parametrize("move", [True, False])
def test_rows_are_reordered_as_a_search_does(move):
    """Two beams for each source: they begin alike, then change places among themselves."""
    decoder = drawn(TransformerDecoder(TransformerDecoderLayer(E, H, 16), 2))
    memory, x = torch.randn(3, K, E), torch.randn(6, 3, E)
    twice, swap = torch.arange(3).repeat_interleave(2), torch.tensor([1, 0, 3, 3, 4, 4])
    with torch.no_grad():
        state = decoder.begin(memory, capacity=3, memory_mask=masks.padding(LENGTHS))
        state = state.reorder(twice)
        decoder.step(x[:, :2], state)
        state = state.reorder(swap, memory=move)
        got = decoder.step(x[:, 2:], state)
        histories = torch.cat([x[swap, :2], x[:, 2:]], 1)
        want = decoder(histories, memory[twice], memory_mask=masks.padding(LENGTHS[twice]))
    torch.testing.assert_close(got, want[:, 2:], atol=1e-5, rtol=0)


def test_an_encoder_with_caches_is_a_language_model():
    encoder = drawn(TransformerEncoder(TransformerEncoderLayer(E, H, 16), 2)).double()
    x = torch.randn(2, 6, E, dtype=DOUBLE)
    with torch.no_grad():
        whole = encoder(x, mask=masks.causal(), bias=biases.alibi(H))
        caches = encoder.allocate(2, 6)
        parts = [encoder(p, caches=caches, bias=biases.alibi(H)) for p in x.split([2, 1, 1, 2], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-6, rtol=0)
    with pytest.raises(ShapeError, match="2 layers want as many caches, and got 1"):
        encoder(x, caches=[KeyValueCache(2, H, 6, 4)])


def test_a_step_that_raises_leaves_all_caches_as_they_were():
    decoder = drawn(TransformerDecoder(TransformerDecoderLayer(E, H, 16), 2))
    encoder = drawn(TransformerEncoder(TransformerEncoderLayer(E, H, 16), 2))
    x, memory = torch.randn(1, 4, E), torch.randn(1, K, E)
    short = masks.dense(torch.ones(1, 7, dtype=torch.bool))
    with torch.no_grad():
        state, caches = decoder.begin(memory, capacity=6), encoder.allocate(1, 6)
        decoder.step(x[:, :2], state)
        encoder(x[:, :2], caches=caches)

        def fails(*_):
            raise FloatingPointError

        for step in (
            lambda **options: decoder.step(x[:, 2:3], state, **options),
            lambda **options: encoder(x[:, 2:3], caches=caches, **options),
        ):
            with pytest.raises(ShapeError):
                step(mask=short)
        # The second layer, when the first one has written, and behind its own attention.
        for stack, step in (
            (decoder, lambda: decoder.step(x[:, 2:3], state)),
            (decoder.layers[0], lambda: decoder.layers[0].step(x[:, 2:3], state.layers[0])),
            (encoder, lambda: encoder(x[:, 2:3], caches=caches)),
        ):
            last = getattr(stack, "layers", [stack])[-1]
            hook = last.linear1.register_forward_hook(fails)
            with pytest.raises(FloatingPointError):
                step()
            hook.remove()
        assert [held.cache.length for held in state.layers] == [2, 2]
        assert [cache.length for cache in caches] == [2, 2]
        close(decoder.step(x[:, 2:], state), decoder(x, memory)[:, 2:])
        close(encoder(x[:, 2:], caches=caches), encoder(x, mask=masks.causal())[:, 2:])
        state.layers[1].cache.truncate(3)
        with pytest.raises(ShapeError, match=r"their caches are \[4, 3\] long"):
            decoder.step(x[:, :1], state)


def test_decoding_under_autocast():
    decoder = drawn(TransformerDecoder(TransformerDecoderLayer(E, H, 16), 2))
    x, memory = torch.randn(1, 4, E), torch.randn(1, K, E)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        state = decoder.begin(memory, capacity=4)
        parts = [decoder.step(part, state) for part in x.split([2, 1, 1], 1)]
        whole = decoder(x, memory)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=0.05, rtol=0.05)


def test_each_attention_of_a_decoder_learns_a_score_of_its_own():
    score = LearnedScore("additive", E // H, heads=H)
    layer = TransformerDecoderLayer(E, H, 16, score=score)
    assert layer.self_attn.score is score
    assert layer.multihead_attn.score.weight is not score.weight
    layer(torch.randn(1, T, E), torch.randn(1, K, E)).square().sum().backward()
    assert not torch.equal(score.weight.grad, layer.multihead_attn.score.weight.grad)


def test_padding_may_hold_anything_and_changes_nothing():
    decoder = drawn(TransformerDecoder(TransformerDecoderLayer(E, H, 16), 2)).double()
    encoder = drawn(TransformerEncoder(TransformerEncoderLayer(E, H, 16), 2)).double()
    x, source = torch.randn(3, T, E, dtype=DOUBLE), torch.randn(3, K, E, dtype=DOUBLE)
    lengths = [5, 2, 0]
    source[hidden(torch.tensor(lengths), K)] = torch.nan
    memory = encoder(source, mask=masks.padding(lengths)).detach()
    output, weights = decoder(x, memory, memory_mask=masks.padding(lengths), return_weights=True)
    output.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in decoder.parameters())
    assert all(weight.memory.isfinite().all() for weight in weights)
    for b, length in enumerate(lengths):
        alone = encoder(source[b : b + 1, :length])
        torch.testing.assert_close(memory[b, :length], alone[0])
        torch.testing.assert_close(output[b], decoder(x[b : b + 1], alone)[0])


def test_blind_rows_are_finite():
    """Trap 5 in a stack: a row of the memory is padding alone; a target is padded on the left."""
    layer = drawn(TransformerDecoderLayer(E, H, 16))
    x, memory, lengths = torch.randn(3, T, E), torch.randn(3, K, E), torch.tensor([5, 0, 2])
    output, weights = layer(
        x,
        memory,
        mask=~masks.padding([0, 2, 4]),
        memory_mask=masks.padding(lengths),
        return_weights=True,
    )
    assert torch.equal(
        output, layer(x, memory, mask=~masks.padding([0, 2, 4]), memory_mask=masks.padding(lengths))
    )
    assert all(part.isfinite().all() for part in (output, *weights))
    output.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_dropout_in_training_alone():
    layer, x = TransformerEncoderLayer(E, H, 16, dropout=0.5), torch.randn(1, T, E)
    assert not torch.equal(layer(x), layer(x))
    assert torch.equal(layer.eval()(x), layer(x))
    layer, within = TransformerEncoderLayer(E, H, 16, dropout=1.0), []
    layer.linear2.register_forward_hook(lambda _, given, out: within.append(given[0]))
    layer(x)
    assert not within[0].any()
    layer.eval()(x)
    assert within[1].any()


def test_layers_of_a_stack_are_drawn_apart():
    layer = TransformerDecoderLayer(E, H, 16, score="additive")
    stack = TransformerDecoder(layer, 2)
    one, other = stack.layers
    assert not torch.equal(one.linear1.weight, other.linear1.weight)
    assert not torch.equal(one.self_attn.in_proj_weight, other.self_attn.in_proj_weight)


def test_torchs_arguments_are_refused_with_what_to_write():
    encoder = TransformerEncoder(TransformerEncoderLayer(E, H, 16), 1)
    decoder = TransformerDecoder(TransformerDecoderLayer(E, H, 16), 1)
    x = torch.zeros(1, T, E)
    for name in ("src_mask", "src_key_padding_mask", "is_causal"):
        for layer in (encoder, encoder.layers[0]):
            with pytest.raises(KindError, match=f"torch's {name}: write mask=masks"):
                layer(x, **{name: True})
    for name in ("tgt_mask", "tgt_key_padding_mask", "tgt_is_causal", "memory_key_padding_mask"):
        for layer in (decoder, decoder.layers[0]):
            with pytest.raises(KindError, match=f"torch's {name}: write"):
                layer(x, x, **{name: True})
    for make in (TransformerEncoderLayer, TransformerDecoderLayer):
        with pytest.raises(KindError, match="torch's batch_first: write nothing"):
            make(E, H, 16, batch_first=True)
    with pytest.raises(KindError, match="torch's enable_nested_tensor: write nothing"):
        TransformerEncoder(TransformerEncoderLayer(E, H, 16), 1, enable_nested_tensor=False)


def test_refuses():
    with pytest.raises(ShapeError, match="10 is no multiple of 4"):
        TransformerEncoderLayer(10, 4)
    with pytest.raises(ShapeError, match="4 is no multiple of 3"):
        TransformerDecoderLayer(8, 4, kv_heads=3)
    with pytest.raises(UnknownName, match="no activation is called 'swish'; there are relu, gelu"):
        TransformerEncoderLayer(8, 2, activation="swish")
    with pytest.raises(RangeError, match="num_layers of at least 1"):
        TransformerEncoder(TransformerEncoderLayer(8, 2, 16), 0)
    with pytest.raises(RangeError, match="dim_feedforward of at least 1"):
        TransformerEncoderLayer(8, 2, 0)
    with pytest.raises(RangeError, match="dropout is a probability"):
        TransformerEncoderLayer(8, 2, 16, dropout=2.0)
    layer = TransformerDecoderLayer(8, 2, 16)
    with torch.no_grad():
        with pytest.raises(KindError, match="says the same of all queries"):
            layer.begin(torch.zeros(1, 5, 8), capacity=3, memory_mask=masks.causal())
        with pytest.raises(KindError, match="write masks.dense"):
            layer.begin(torch.zeros(1, 5, 8), capacity=3, memory_mask=torch.ones(1, 5) > 0)
        with pytest.raises(RangeError, match="capacity of at least 1"):
            layer.begin(torch.zeros(1, 5, 8), capacity=0)
