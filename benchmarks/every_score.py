"""What does each score cost, in time and memory?

No claim: a table for the reader who chooses, on 1×2048×64, beside the scaled dot product.

Run:    python benchmarks/every_score.py [--json]; its table is on docs/tutorials/side_by_side.md:
        python benchmarks/page.py --page docs/tutorials/side_by_side.md
Method: every score's output and gradients are first compared with softmax of its raw scores at 64
        tokens. Then all are timed in turn, forward, and forward and backward with the gradients of
        query, key, value and the score's tensors. Peaks are those of fresh processes.
"""

from collections.abc import Callable

import torch
from answers import agree
from formula import Shape, differentiated, inputs, title
from machine import machine
from page import machine as in_words
from process import Call, peak_mb
from report import Report, main
from timing import Local, paired
from torch import Tensor

import regard
from regard import scores
from regard.scores import AnyScore

SHAPE = (1, 2048, 2048, 64)
SMALL = (1, 64, 64, 64)
BASE = "scaled_dot"
BUDGET = 4
ROUNDS = 5


def laplace(query: Tensor, key: Tensor) -> Tensor:
    """−‖q − k‖₁, a function as a user writes it."""
    return -(query[..., :, None, :] - key[..., None, :, :]).abs().sum(-1)


# What a score holds, a word of D (features) and K (keys) for each tensor, and who holds it.
ROWS: dict[str, tuple[str, Callable[..., AnyScore]]] = {
    "dot": ("", scores.Dot),
    "scaled_dot": ("", scores.ScaledDot),
    "cosine": ("", lambda: scores.Cosine(5.0)),
    "distance": ("", lambda: scores.Distance(8.0)),
    "bilinear": ("DD", scores.Bilinear),
    "trilinear": ("D D D", scores.Trilinear),
    "symmetric_relu": ("DD D", scores.SymmetricReLU),
    "location": ("DK", scores.Location),
    "additive": ("D", scores.Additive),
    "normalized_additive": ("D", lambda v: scores.NormalizedAdditive(v, 5.0)),
    "soft cap of scaled_dot": ("", lambda: scores.SoftCap(scores.ScaledDot(), 50.0)),
    "soft cap of additive": ("D", lambda v: scores.SoftCap(scores.Additive(v), 50.0)),
    "a function: −‖q − k‖₁": ("", lambda: laplace),
}


def tensors(name: str, shape: Shape) -> list[Tensor]:
    """Query, key, value, what the score holds, and the output's gradient."""
    query, key, value, _, cotangent = map(torch.from_numpy, inputs(shape))
    _, _, keys, features = shape
    sizes = [
        [{"D": features, "K": keys}[letter] for letter in word] for word in ROWS[name][0].split()
    ]
    torch.manual_seed(0)
    held = [torch.randn(size) * features**-0.5 for size in sizes]
    return [query, key, value, *held, cotangent]


def with_regard(name: str, shape: Shape, backward: bool) -> Call:
    def attend(query: Tensor, key: Tensor, value: Tensor, *held: Tensor) -> Tensor:
        return seen(regard.attend(query, key, value, score=ROWS[name][1](*held)), key)

    *leaves, cotangent = tensors(name, shape)
    return differentiated(attend, leaves, cotangent, backward)


def written_out(name: str, shape: Shape, backward: bool) -> Call:
    def attend(query: Tensor, key: Tensor, value: Tensor, *held: Tensor) -> Tensor:
        return seen(torch.softmax(ROWS[name][1](*held)(query, key), -1) @ value, key)

    *leaves, cotangent = tensors(name, shape)
    return differentiated(attend, leaves, cotangent, backward)


def seen(output: Tensor, key: Tensor) -> Tensor:
    """The output; location does not look at keys, and torch gives no gradient to the unseen."""
    return output + 0 * key.sum()


def engine(name: str) -> str:
    query, key, value, *held, _ = tensors(name, SHAPE)
    return regard.plan(query, key, value, score=ROWS[name][1](*held)).engine


def measure(report: Report) -> None:
    for name in ROWS:
        want = written_out(name, SMALL, True)()
        agree(name, {"regard": with_regard(name, SMALL, True)()}, want)
    passes = {}
    for backward in (False, True):
        calls = {name: Local(with_regard(name, SHAPE, backward)) for name in ROWS}
        passes[backward] = paired(calls, budget=BUDGET, rounds=ROUNDS)
    small = {"shape": SMALL}
    for name in ROWS:
        peak = peak_mb(with_regard, small, name=name, shape=SHAPE, backward=True)
        forward, both = passes[False], passes[True]
        report.row(
            score=name,
            engine=engine(name),
            forward_ms=1e3 * forward.median(name),
            forward_over=forward.ratio(name, BASE),
            both_ms=1e3 * both.median(name),
            both_over=both.ratio(name, BASE),
            peak_MB=peak,
        )
    report.note(f"{title(SHAPE)}; both: forward and backward; over: over {BASE}")
    report.note(in_words(machine()))


if __name__ == "__main__":
    main(__file__, __doc__, measure)
