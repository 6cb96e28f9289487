"""How fast does the translator learn, and how fast does it translate, beside plain PyTorch?

Claims: training takes at most the time of the same model written directly in PyTorch
(plain_translator.py: nn.GRU, nn.GRUCell, a broadcast for the score), with additive and with dot
scores.

Run:    python benchmarks/translate.py [--full] [--json] [--strict] [--run RUN]
        ``--run`` takes the model and the test texts of a trained run in place of those made here;
        without it, the best model of ``make results PART=eng-fra`` comes behind them, if it is
        there.
Method: the peer takes our tensors; both must then give the same loss and write the same texts.
        Training (forward, backward, gradients clipped, Adam) goes over the same batches, in turn
        (timing.py); the ratio is the median of those within rounds, and the quartiles are beside
        it. Made texts: tokens of Zipf's frequencies, lengths as in short sentences, the target a
        token for a token; before decoding is timed, the model is trained on them a little, so that
        its texts end ("tokens written": how long they are). Decoding: greedy, whole batches, both;
        beam 5, ours in whole batches, the peer's a sentence at a time. Ours keeps the weights of
        each token besides.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from answers import Disagreement, relative_error
from plain_translator import PLAIN, PlainTranslator, Sizes, beam, greedy
from report import Report, main
from timing import Local, Times, paired

from regard.data.batching import Batch, pad
from regard.runs.decode import Search, search
from regard.systems.translator import Config, Translator

VOCABULARY, EMBEDDING, HIDDEN, DROPOUT = 8000, 256, 256, 0.1
ROWS, BATCHES, TAUGHT, SENTENCES, WIDTH = 64, 4, 200, 128, 5
OURS, PLAINLY = "regard", "torch"
BEST = Path(__file__).parents[1] / "runs" / "results" / "eng-fra-attention-30min-0"
CONFIGS: dict[str, dict[str, Any]] = {
    "additive": {"attention": "bahdanau"},
    "dot": {"attention": "luong", "score": "dot", "input_feeding": False, "cell": "gru"},
}


@dataclass(frozen=True)
class Case:
    """A model of ours, its peer (None: no plain program of it is here), batches to learn from, and
    texts to translate (none: learning alone is timed)."""

    name: str
    ours: Translator
    peer: PlainTranslator | None
    batches: Sequence[Batch]
    texts: Batch | None


def measure(report: Report, run: Path | None = None) -> None:
    for case in _cases(run):
        if case.batches:
            _train(report, case)
        if case.texts is not None:
            _decode(report, case, case.texts)


def _cases(run: Path | None) -> Iterable[Case]:
    if run is None:
        yield from _made()
    finished = BEST.with_name(f"{BEST.name}.json")  # a training that was broken off has none
    if run is not None or finished.exists():
        yield _of_run(run or BEST)


def _made() -> Iterable[Case]:
    for name, options in CONFIGS.items():
        torch.manual_seed(0)
        sizes = Sizes(VOCABULARY, VOCABULARY, EMBEDDING, HIDDEN, DROPOUT)
        config = Config(
            embedding=EMBEDDING, hidden=HIDDEN, dropout=DROPOUT, unknown_rate=0.0, **options
        )
        ours, peer = Translator(config, VOCABULARY, VOCABULARY), PLAIN[name](sizes)
        batches = made_batches(max(TAUGHT, BATCHES))
        yield Case(name, ours, peer, batches[:BATCHES], None)
        learn = trainer(ours, lambda model, batch: model.loss(batch).mean, batches[:TAUGHT], 3e-3)
        learn()
        yield Case(name, ours, peer, [], made_batches(1, SENTENCES, seed=1)[0])


def _of_run(path: Path) -> Case:
    from regard.runs.held_out import held_out, load

    trained: Any = load(path)
    ours, encoding = trained.model, trained.encoding
    pairs = list(held_out(path))
    step = max(1, len(pairs) // SENTENCES)
    pairs = sorted(pairs, key=lambda pair: len(encoding.source.encode(pair.source)))[::step]
    batches = [encoding.batch(pairs[i : i + ROWS]) for i in range(0, len(pairs), ROWS)]
    return Case(path.name, ours, _peer_of(ours, encoding), batches, encoding.batch(pairs))


def _peer_of(ours: Translator, encoding: Any) -> PlainTranslator | None:
    """The plain program of a model, if there is one."""
    config = ours.config
    for name, options in CONFIGS.items():
        same = Config(
            embedding=config.embedding,
            hidden=config.hidden,
            dropout=config.dropout,
            unknown_rate=config.unknown_rate,
            label_smoothing=config.label_smoothing,
            tied=config.tied,
            **options,
        )
        shown = ("scored", "memory", "depth")
        alike = all(getattr(config, what) == getattr(same, what) for what in shown)
        square = not config.tied or config.width == config.hidden
        if alike and square and _choices(config) == _choices(same):
            sizes = (len(encoding.source), len(encoding.target), config.width, config.hidden)
            return PLAIN[name](Sizes(*sizes, config.dropout, config.tied))
    return None


def _choices(config: Config) -> dict[str, Any]:
    """What a config says, but for what has another name for the same."""
    return {
        key: value for key, value in vars(config).items() if key not in ("score", "cell", "layers")
    }


def made_batches(count: int, rows: int = 0, seed: int = 0) -> list[Batch]:
    """Batches of texts of like length."""
    random = torch.Generator().manual_seed(seed)
    rows = rows or ROWS
    own = VOCABULARY - 4
    frequency = 1 / torch.arange(1, own + 1, dtype=torch.float64)
    renamed = torch.randperm(own, generator=random)
    lengths = torch.empty(count * rows).log_normal_(2.0, 0.35, generator=random).round()
    lengths = lengths.clamp(2, 20).int().sort().values.view(count, rows)
    batches = []
    for place in torch.randperm(count, generator=random).tolist():
        sources, targets = [], []
        for length in lengths[place].tolist():
            tokens = torch.multinomial(frequency, length, replacement=True, generator=random)
            sources.append((tokens + 4).tolist())
            targets.append([2, *(renamed[tokens] + 4).tolist(), 3])
        batches.append(Batch(*pad(sources), *pad(targets)))
    return batches


def trainer(
    model: torch.nn.Module,
    loss: Callable[[Any, Batch], torch.Tensor],
    batches: Sequence[Batch],
    rate: float = 1e-3,
) -> Callable[[], None]:
    """A pass over the batches."""
    optimizer = torch.optim.Adam(model.parameters(), rate)

    def call() -> None:
        model.train()
        for batch in batches:
            optimizer.zero_grad()
            loss(model, batch).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return call


def _train(report: Report, case: Case) -> None:
    def loss_of_ours(model: Any, batch: Batch) -> torch.Tensor:
        return model.loss(batch).mean

    def loss_of_peer(model: Any, batch: Batch) -> torch.Tensor:
        return model.loss(batch.source, batch.source_lengths, batch.target)

    name, before = f"{case.name}, training", _copied(case.ours)
    calls = {OURS: trainer(case.ours, loss_of_ours, case.batches)}
    if case.peer is not None:
        case.peer.take(case.ours)
        calls[PLAINLY] = trainer(case.peer, loss_of_peer, case.batches)
        case.ours.eval(), case.peer.eval()
        want = _learned(loss_of_peer(case.peer, case.batches[0]), case.peer)
        for what, ours in _learned(loss_of_ours(case.ours, case.batches[0]), case.ours).items():
            if (error := relative_error(ours, want[what])) > 1e-4:
                raise Disagreement(f"{name}: ours is off by {error:.2g} in the {what}")
    tokens = sum(int((batch.target_lengths - 1).sum()) for batch in case.batches)
    times = _timed(report, name, calls, tokens, "tokens")
    if case.peer is not None:
        report.claim(f"{name}, over {PLAINLY}", times.ratio(OURS, PLAINLY), 1.0)
    case.ours.load_state_dict(before)


def _learned(loss: torch.Tensor, model: Any) -> dict[str, Any]:
    """The loss, and its gradient for the embeddings of both sides."""
    sides = ("source", "target")
    parts = getattr(model, "network", model)
    embeddings = [getattr(parts, f"{side}_embedding").weight for side in sides]
    gradients = torch.autograd.grad(loss, embeddings)
    names = [f"gradient of the {side}'s embedding" for side in sides]
    return {"loss": loss.detach()} | dict(zip(names, gradients, strict=True))


def _copied(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _decode(report: Report, case: Case, texts: Batch) -> None:
    case.ours.eval()
    source, lengths, copies = texts.source, texts.source_lengths, texts.copies
    limit = 2 * int(lengths.max()) + 20
    ways: dict[str, tuple[Search, Any]] = {
        "greedy": (Search(max_length=limit), greedy),
        f"beam {WIDTH}": (Search(beam=WIDTH, max_length=limit), partial(beam, width=WIDTH)),
    }
    for way, (options, plain) in ways.items():
        name = f"{case.name}, {way}"
        calls = {OURS: partial(search, case.ours, source, lengths, options, copies)}
        if case.peer is not None:
            case.peer.take(case.ours)
            case.peer.eval()
            calls[PLAINLY] = partial(plain, case.peer, source, lengths, limit)
        texts_of_ours = [row[0].tokens for row in calls[OURS]()]
        if case.peer is not None:
            _expect_same(name, texts_of_ours, calls[PLAINLY]())
        written = sum(map(len, texts_of_ours)) / len(source)
        _timed(report, name, calls, len(source), "sentences", tokens_written=written)


def _expect_same(name: str, ours: Sequence[list[int]], plain: Sequence[list[int]]) -> None:
    """Nearly all texts are the same (a tie may fall one way or the other)."""
    other = sum(one != two for one, two in zip(ours, plain, strict=True))
    if other > 0.02 * len(ours):
        raise Disagreement(f"{name}: {other} of {len(ours)} texts differ")


def _timed(
    report: Report,
    name: str,
    calls: dict[str, Callable[[], Any]],
    amount: int,
    unit: str,
    **shown: float,
) -> Times:
    print(f"{report.name}: {name}", file=sys.stderr)
    contenders = {who: Local(call) for who, call in calls.items()}
    times = paired(contenders, budget=30 if report.full else 6, rounds=7)
    for who in calls:
        cells: dict[str, Any] = {"unit": unit, "a_second": amount / times.median(who)}
        pairs = zip(times.samples[who], times.samples[OURS], strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        cells |= {f"time_over_{OURS}": middle, "from": low, "to": high}
        report.row(case=name, contender=who, **cells, **shown)
    return times


if __name__ == "__main__":
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--run", type=Path)
    given, sys.argv[1:] = options.parse_known_args()
    main(__file__, __doc__, partial(measure, run=given.run))
