"""What is kept of a model's tensors: what is written over, how much, and in what precision."""

import pytest
import torch
from torch import Tensor, nn

import regard
from regard.errors import KindError, RangeError, UnknownName, WatchError

from .models import Block, Cached, explicit


def decoded(layer: Cached, steps: int = 6) -> list[Tensor]:
    """The rows of a decoder's steps, by the formula."""
    rows = []
    for place in range(steps):
        x = torch.full((8,), float(place))
        x[place] = -1.0
        layer(x, place)
        allowed = torch.arange(layer.keys.shape[2]) <= place
        rows.append(explicit(x[None, None, None], layer.keys, allowed[None, None, None]))
    return rows


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_cache_that_is_written_over_is_copied(mode: type) -> None:
    layer = Cached()
    with mode():
        if mode is torch.inference_mode:
            layer.keys = layer.keys.clone()
        want = decoded(layer)
        layer.keys.zero_()
        with regard.watch(layer) as seen:
            decoded(layer)
    layer.keys.zero_() if mode is torch.no_grad else None
    torch.testing.assert_close(seen[0].weights(), torch.cat(want, -2), rtol=0, atol=1e-6)


def test_what_is_written_over_for_the_first_time_is_noticed() -> None:
    class Careless(Block):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            query, key, value = self.split(x)
            read = torch.nn.functional.scaled_dot_product_attention(query, key, value)
            key.zero_()
            return read

    block, x = Careless(), torch.randn(1, 4, 16)
    with torch.no_grad():
        with regard.watch(block) as seen:
            block(x)
        with regard.watch(block, copy=True) as copied:
            block(x)
        query, key, _ = block.split(x)
    with pytest.raises(WatchError, match="written over since; watch"):
        seen[0].weights()
    torch.testing.assert_close(copied[0].weights(), explicit(query, key))


def test_a_mask_that_layers_share_is_copied_once() -> None:
    model = nn.ModuleList([Block() for _ in range(6)])
    x, mask = torch.randn(1, 64, 16), torch.ones(1, 1, 64, 64, dtype=torch.bool).tril()
    with regard.watch(model) as seen, torch.inference_mode():
        for block in model:
            block(x, mask)
    masks = {layer.calls[0].source.allowed.tensor.data_ptr() for layer in seen.layers}  # type: ignore[union-attr]
    assert len(masks) == 1


def test_memory_is_bounded_and_what_was_dropped_is_said() -> None:
    model = nn.ModuleList([Block() for _ in range(4)])
    x = torch.randn(1, 64, 16)
    one = 3 * x.nbytes  # the projection that queries and keys are part of
    with regard.watch(model, memory=2 * one) as seen, torch.no_grad():
        for block in model:
            block(x)
    assert [call.name for call in seen.dropped] == ["0", "1"]
    with pytest.raises(WatchError, match="0: its tensors were dropped to make room"):
        seen[0].weights()
    assert seen[3].weights().shape == (1, 4, 64, 64)
    assert "of 2 calls the tensors were dropped" in repr(seen)
    with regard.watch(model, memory=0) as none, torch.no_grad():
        model[0](x)
    assert none.dropped[0].shape == (1, 4, 64, 64)


def test_half_as_much_in_half_precision() -> None:
    torch.manual_seed(0)
    block, x = Block(), torch.randn(1, 64, 16)
    with regard.watch(block, dtype=torch.float16, device="cpu") as seen, torch.no_grad():
        block(x)
    query, key, _ = block.split(x)
    assert seen[0].calls[0].storages[0][1] == query.nbytes // 2
    torch.testing.assert_close(seen[0].weights(), explicit(query, key).detach(), rtol=0, atol=2e-3)


def test_calls_that_do_not_go_on_must_be_chosen_from() -> None:
    block = Block()
    with regard.watch(block) as seen, torch.no_grad():
        block(torch.randn(1, 4, 16))
        block(torch.randn(2, 5, 16))
    with pytest.raises(WatchError, match=r"2 times, .*\(1, 4, 4, 4\), then \(2, 4, 5, 5\).*calls"):
        seen[0].weights()
    assert seen[0].calls[1].weights(batch=-1).shape == (1, 4, 5, 5)
    seen.clear()
    assert len(seen) == 0


def test_what_is_asked_wrongly_is_told() -> None:
    block = Block()
    with pytest.raises(KindError, match="a model to watch is a torch.nn.Module, not a function"):
        regard.watch(explicit)  # type: ignore[arg-type]
    with pytest.raises(RangeError, match="at least 0"):
        regard.watch(block, memory=-1)
    with pytest.raises(KindError, match="whole number, and it is 1.5"):
        regard.watch(block, memory=1.5)  # type: ignore[arg-type]
    with pytest.raises(KindError, match="floating-point numbers, and it is torch.int8"):
        regard.watch(block, dtype=torch.int8)
    with regard.watch(nn.Sequential(block)) as seen:
        block(torch.randn(1, 4, 16))
        with pytest.raises(WatchError, match="being watched already"), seen:
            pass
    with pytest.raises(RangeError, match="head 4 is asked for, and there are 4"):
        seen[0].weights(heads=[4])
    with pytest.raises(RangeError, match="row 1 of the batch"):
        seen[0].top(1, batch=1)
    with pytest.raises(KindError, match="queries is a slice"):
        seen[0].key_totals(queries=3)  # type: ignore[arg-type]
    with pytest.raises(RangeError, match="step is 2"):
        seen[0].weights(queries=slice(0, 4, 2))
    with pytest.raises(RangeError, match="at least 1, and it is 0"):
        seen[0].top(0)
    with pytest.raises(UnknownName, match="no attention of 'x' was seen; 0"):
        seen["x"]


def test_two_watch_two_models_and_all_is_put_back() -> None:
    function, bmm = torch.nn.functional.scaled_dot_product_attention, torch.bmm
    one, other = Block(), Block()
    x = torch.randn(1, 4, 16)
    first = regard.watch(one)
    with first:
        second = regard.watch(other).__enter__()
        one(x), other(x), other(x)
    other(x)
    assert torch.nn.functional.scaled_dot_product_attention is not function
    second.__exit__(None, None, None)
    assert (torch.nn.functional.scaled_dot_product_attention, torch.bmm) == (function, bmm)
    assert (len(first[0].calls), len(second[0].calls)) == (1, 3)


def test_rollout_is_the_product_of_the_layers() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*(Block() for _ in range(3)))
    with regard.watch(model) as seen, torch.no_grad():
        model(torch.randn(2, 5, 16))
    want = torch.eye(5)
    for layer in seen.layers:
        mixed = layer.weights().mean(1) + torch.eye(5)
        want = mixed / mixed.sum(-1, keepdim=True) @ want
    torch.testing.assert_close(seen.rollout(), want)
    torch.testing.assert_close(seen.rollout(queries=slice(1, 3), batch=1), want[1:, 1:3])
    torch.testing.assert_close(seen.rollout([2]).sum(-1), torch.ones(2, 5))


def test_keys_that_later_ones_begin_with_take_no_room() -> None:
    class Growing(Block):
        """A decoder's attention, whose cache is made anew each step."""

        def forward(self, x: Tensor, keys: Tensor) -> Tensor:  # type: ignore[override]
            query, key, _ = self.split(x)
            keys = torch.cat([keys, key], -2)
            torch.nn.functional.scaled_dot_product_attention(query, keys, keys)
            return keys

    torch.manual_seed(0)
    block, found = Growing(), []
    for memory in (None, 100_000):
        keys = torch.zeros(1, 4, 0, 4)
        torch.manual_seed(1)
        with regard.watch(block, memory=memory) as seen, torch.no_grad():
            for _ in range(100):
                keys = block(torch.randn(1, 1, 16), keys)
        found.append(seen)
    free, bounded = found
    assert free._room.used > 300_000
    assert bounded._room.used <= 100_000
    assert not bounded.dropped
    assert torch.equal(free[0].weights(), bounded[0].weights())
