"""Several hypotheses a sentence, side by side, for many sentences at once."""

import bisect
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data.vocabulary import BEGIN, END
from regard.runs.decode.candidates import likeliest_sums
from regard.runs.decode.hypotheses import End, History
from regard.runs.decode.model import Decoder, stepped
from regard.runs.decode.options import Search
from regard.runs.decode.penalties import coverage_term, length_divisor
from regard.runs.decode.states import select


def beam_search(
    model: Decoder,
    state: Any,
    lengths: Int[Tensor, " B"],
    limits: list[int],
    search: Search,
) -> tuple[History, list[list[End]]]:
    """The best whole hypotheses of each sentence, best first.

    At each step the live hypotheses of a sentence, at most ``beam``, are extended by every token.
    Those of the ``beam`` likeliest extensions that end are whole, and the ``beam`` likeliest that
    do not end live on. Whole ones are ranked by

        score(Y) = log p(Y) / ((5 + |Y|) / 6)^α + β Σ_s log min(Σ_t α_ts, 1)

    and the ``n_best`` best are kept. A sentence leaves the batch when so many are kept and none
    alive can beat the worst of them: as log-probabilities only fall and β's term is never above 0,
    a hypothesis alive scores in the end at most log p / ((5 + limit) / 6)^α. At its limit, what
    is alive is whole as it stands.

    Source:  Graves 2012 (arXiv:1211.3711), §4; penalties: Wu et al. 2016 (arXiv:1609.08144), §7
    Departs: Wu et al. prune by score; here a beam is cut by its size alone
    Cost:    a step of the model on B·beam rows for each token; the source is read once a sentence

    Args:
        model: what takes the steps.
        state: before the first token, of B rows.
        lengths: tokens of each source.
        limits: tokens that each text has at most.
        search: beam, n_best and penalties.
    """
    going = _Beams.begun(lengths, search)
    best = [_Best(search, limit) for limit in limits]
    history = History()
    step = 0
    while len(going.sentences):
        log_probabilities, state, weights = stepped(model, going.tokens, state)
        history.add(going.origins, going.tokens, weights)
        width = going.width
        at_limit = [limits[sentence] <= step + 1 for sentence in going.sentences]
        candidates = going.extended(log_probabilities, weights, at_limit)
        _keep(best, candidates, going, step)
        staying = [
            place
            for place, (sentence, alive) in enumerate(
                zip(going.sentences, candidates.alive_total[:, 0].tolist(), strict=True)
            )
            if not at_limit[place] and best[sentence].can_be_beaten(alive)
        ]
        if not staying:
            break
        all_stay = len(staying) == len(going.sentences)
        going.step_to(candidates, None if all_stay else staying)
        state = select(state, going.origins, moved=not all_stay or going.width != width)
        step += 1
    return history, [own.ends for own in best]


@dataclass
class _Candidates:
    """The likeliest extensions ``(B, C)``, in falling order: sums (nats), tokens, and the row of
    the batch that each extends; which of them are whole; and which ``(B, W)`` live on, with their
    sums, −∞ where too few can."""

    total: Float[Tensor, "B C"]
    tokens: Int[Tensor, "B C"]
    rows: Int[Tensor, "B C"]
    whole: Bool[Tensor, "B C"]
    alive: Int[Tensor, "B W"]
    alive_total: Float[Tensor, "B W"]


@dataclass
class _Beams:
    """The live hypotheses of the sentences that are left, ``width`` rows each."""

    search: Search
    sentences: list[int]
    lengths: Tensor
    width: int
    tokens: Int[Tensor, " R"]
    origins: Int[Tensor, " R"]
    total: Float[Tensor, " R"]
    received: Float[Tensor, "R S"] | None = None

    @staticmethod
    def begun(lengths: Int[Tensor, " B"], search: Search) -> "_Beams":
        tokens = torch.full_like(lengths, BEGIN)
        origins = torch.arange(len(lengths), device=lengths.device)
        total = torch.zeros(len(lengths), device=lengths.device)
        return _Beams(search, list(range(len(lengths))), lengths, 1, tokens, origins, total)

    def extended(
        self, log_probabilities: Tensor, weights: Tensor, at_limit: list[bool]
    ) -> _Candidates:
        beam, (rows, size) = self.search.beam, log_probabilities.shape
        # A hypothesis ends in one way: among twice as many as are wanted, enough go on.
        total, parents, tokens = likeliest_sums(
            self.total.view(-1, self.width),
            log_probabilities.view(-1, self.width, size),
            2 * beam,
        )
        first = torch.arange(0, rows, self.width, device=tokens.device)
        ranked = torch.arange(total.shape[1], device=tokens.device) < beam
        ending = tokens == END
        limited = torch.tensor(at_limit, device=tokens.device)[:, None]
        whole = (ending | limited) & ranked & (total > -torch.inf)
        going_on = torch.where(ending, -torch.inf, total)
        going_on, order = going_on.sort(dim=-1, descending=True, stable=True)
        if self.search.coverage_penalty:
            self.received = weights if self.received is None else self.received + weights
        origins = first[:, None] + parents
        return _Candidates(total, tokens, origins, whole, order[:, :beam], going_on[:, :beam])

    def scores(self, candidates: _Candidates, tokens: int) -> Float[Tensor, "B C"]:
        """Of candidates of so many tokens, as if all were whole."""
        scores = candidates.total / length_divisor(tokens, self.search.length_penalty)
        if self.received is not None:
            places = torch.arange(self.received.shape[1], device=scores.device)
            real = places < self.lengths.repeat_interleave(self.width)[:, None]
            terms = coverage_term(self.received, real, self.search.coverage_penalty)
            scores = scores + terms[candidates.rows]
        return scores

    def step_to(self, candidates: _Candidates, staying: list[int] | None) -> None:
        """To what lives on, of the sentences that stay (None: all)."""
        alive, rows, tokens = candidates.alive, candidates.rows, candidates.tokens
        total = candidates.alive_total
        if staying is not None:
            self.sentences = [self.sentences[place] for place in staying]
            self.lengths = self.lengths[staying]
            alive, rows, tokens, total = (x[staying] for x in (alive, rows, tokens, total))
        self.width = alive.shape[1]
        self.tokens, self.origins = (x.gather(1, alive).flatten() for x in (tokens, rows))
        self.total = total.flatten()
        if self.received is not None:
            self.received = self.received[self.origins]


class _Best:
    """The best whole hypotheses of a sentence so far."""

    def __init__(self, search: Search, limit: int) -> None:
        self.size = search.n_best
        self.longest = length_divisor(limit, search.length_penalty)
        self.ends: list[End] = []

    def add(self, end: End) -> None:
        bisect.insort(self.ends, end, key=lambda end: -end.score)
        del self.ends[self.size :]

    def can_be_beaten(self, log_probability: float) -> bool:
        """Whether a live hypothesis could still be kept."""
        if log_probability == float("-inf"):
            return False
        return len(self.ends) < self.size or log_probability / self.longest > self.ends[-1].score


def _keep(best: list[_Best], candidates: _Candidates, going: _Beams, step: int) -> None:
    if not bool(candidates.whole.any()):
        return
    where = candidates.whole.nonzero(as_tuple=True)
    kept = (candidates.rows, candidates.tokens, candidates.total)
    scores = going.scores(candidates, step + 1)[where].tolist()
    columns = [where[0].tolist(), *[x[where].tolist() for x in kept], scores]
    for place, row, token, total, score in zip(*columns, strict=True):
        best[going.sentences[place]].add(End(step, row, token, total, score))
