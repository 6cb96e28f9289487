"""All searches behind one function."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from regard.data.vocabulary import PAD
from regard.runs.decode.beam import beam_search
from regard.runs.decode.hypotheses import Decoded, Hypothesis
from regard.runs.decode.model import Decoder, begun
from regard.runs.decode.options import Search
from regard.runs.decode.sampling import distribution, drawn, numbers_to_draw_by
from regard.runs.decode.single import Choice, followed, likeliest
from regard.runs.decode.states import select


@torch.inference_mode()
def search(
    model: Decoder,
    source: Tensor,
    lengths: Int[Tensor, " B"],
    search: Search,
    copies: Any = None,
    *,
    longest: int | None = None,
) -> list[list[Hypothesis]]:
    """For each source, what it may have become: ``search.n_best`` hypotheses.

    Those of a beam come best first (fewer, where the vocabulary allows no more), sampled ones in
    the order in which they were drawn. What stands beside a source in the batch changes nothing.

    Args:
        model: what says, step by step, which token comes next; see ``Decoder``.
        source: tokens, padded; or what else the model's ``begin`` reads, such as images
            ``(B, C, S, S)``.
        lengths: how many tokens each row has; of images, places.
        search: what is looked for.
        copies: words that the model may copy, handed on to its ``begin``.
        longest: tokens by which a text's limit is set, where those of its source say nothing of it;
            None: those of its source.
    """
    if not len(lengths):
        return []
    sizes = lengths.tolist()
    limits = [search.limit(size if longest is None else longest) for size in sizes]
    state = begun(model, source, lengths, copies)
    if search.beam > 1:
        history, ends = beam_search(model, state, lengths, limits, search)
        return history.hypotheses(ends, sizes)
    count, choose = 1, likeliest
    if search.sample:
        rows = torch.arange(len(sizes), device=source.device)
        count, choose = search.n_best, _sampled(source, limits, search)
        state = state if count == 1 else select(state, rows.repeat_interleave(count))
    each = torch.tensor(limits, device=source.device).repeat_interleave(count)
    history, ends = followed(model, state, each, choose)
    per_source = [ends[first : first + count] for first in range(0, len(ends), count)]
    return history.hypotheses(per_source, sizes)


@torch.inference_mode()
def greedy(
    model: Decoder,
    source: Tensor,
    lengths: Int[Tensor, " B"],
    max_length: int,
    copies: Any = None,
) -> Decoded:
    """The likeliest token, again and again, until END or ``max_length`` tokens, as one tensor.

    Cost: one step of the model a token of the longest result, with the rows that have not ended.
    """
    tokens, total = lengths.new_zeros((len(lengths), 0)), torch.zeros(len(lengths))
    if not len(lengths) or max_length < 1:
        width = int(lengths.max()) if len(lengths) else 0
        return Decoded(tokens, total, torch.zeros(*tokens.shape, width))
    state = begun(model, source, lengths, copies)
    history, ends = followed(model, state, torch.full_like(lengths, max_length), likeliest)
    paths = [history.path(end) for end in ends]
    weights = history.looked(paths)
    tokens = torch.full(weights.shape[:2], PAD)
    for row, end, path in zip(tokens, ends, paths, strict=True):
        row[: len(path)] = torch.tensor(history.written(end, path))
    total = torch.tensor([end.log_probability for end in ends])
    return Decoded(*(x.to(source.device) for x in (tokens, total, weights)))


def _sampled(source: Tensor, limits: list[int], search: Search) -> Choice:
    # Padding, which company brings, is no part of a source.
    own = [row[row != PAD].tolist() for row in source.flatten(1)]
    uniform = numbers_to_draw_by(own, limits, search).to(source.device)

    def choose(log_probabilities: Tensor, rows: Tensor, step: int) -> Tensor:
        return drawn(distribution(log_probabilities, search), uniform[rows, step])

    return choose
