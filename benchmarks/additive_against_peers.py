"""How much faster is the additive score than what people use for it today?

Claims: at 1×2048×64 at least 10 times faster than torch.compile of the broadcast (forward and
backward 15 times), and at least 60 times faster than Keras' AdditiveAttention on torch (50 times).

Run:    python benchmarks/additive_against_peers.py [--full] [--json] [--strict]
Method: all are first compared with the formula, written out. Then they are timed in turn, a round
        through all of them; each Keras backend is in a process of its own, which idles while the
        others are timed. Each peak of memory is that of a fresh process. ``--full`` adds
        FlexAttention, which takes half a minute to compile.
"""

from collections.abc import Sequence
from contextlib import ExitStack

import contenders
import keras_contenders
import numpy as np
from answers import agree
from formula import Shape, additive, in_blocks, title
from process import Maker, Remote, peak_mb
from report import Report, main
from timing import Local, Timed

SHAPE = (1, 2048, 2048, 64)
OWN_PROCESS: dict[str, Maker] = {
    "Keras, torch": keras_contenders.keras_torch,
    "Keras, JAX": keras_contenders.keras_jax,
}
FLEX = "FlexAttention"
MAKERS: dict[str, Maker] = {
    "regard": contenders.regard_additive,
    "torch eager": contenders.eager,
    "torch.compile": contenders.compiled,
    FLEX: contenders.flex,
    **OWN_PROCESS,
}
FASTER = {  # times, forward and forward+backward
    "torch.compile": {False: 10, True: 15},
    "Keras, torch": {False: 60, True: 50},
}
COMPILED_FOR_A_SHAPE = ("torch.compile", FLEX, "Keras, JAX")


def takes_part(report: Report, name: str, backward: bool) -> bool:
    """Whether a peer can be measured here; if not, the report says why."""
    if name in OWN_PROCESS and (package := keras_contenders.missing(name.split()[-1].lower())):
        install = keras_contenders.INSTALL
        report.note(f"{name} is left out, {package} is not installed: {install}")
        return False
    if name == FLEX and not report.full:
        report.note(f"{FLEX} is left out; --full measures it")
        return False
    if name == FLEX and backward:
        # Asked, and not known: torch may learn it.
        try:
            contenders.flex((1, 16, 16, 16), backward)()
        except (NotImplementedError, RuntimeError) as reason:
            report.note(f"{FLEX}, forward+backward: {str(reason).splitlines()[0]}")
            return False
    return True


def peak(name: str, shape: Shape, backward: bool) -> float | None:
    """A peer's peak; what is compiled for one shape is compiled for it before."""
    small = {} if name in COMPILED_FOR_A_SHAPE else {"shape": [1, 32, 32, shape[-1]]}
    return peak_mb(MAKERS[name], small, shape=shape, backward=backward)


def against_peers(report: Report, shape: Shape, backward: bool, want: Sequence[np.ndarray]) -> None:
    """The rows and the claims of one pass."""
    case = title(shape, backward)
    names = [name for name in MAKERS if takes_part(report, name, backward)]
    peaks = {name: peak(name, shape, backward) for name in names}
    with ExitStack() as stack:
        timed: dict[str, Timed] = {}
        for name in names:
            if name in OWN_PROCESS:
                remote = Remote(MAKERS[name], shape=shape, backward=backward)
                timed[name] = stack.enter_context(remote)
                agree(case, {name: remote.answers()}, want)
            else:
                call = MAKERS[name](shape, backward)
                timed[name] = Local(call)
                agree(case, {name: call()}, want)
        times = report.compare(case, timed, peaks, rounds=5 if report.full else 3)
    for name, least in FASTER.items():
        if name in names:
            faster = times.ratio(name, "regard")
            report.claim(f"{case}, faster than {name}", faster, least[backward], at_least=True)


def measure(report: Report) -> None:
    want = in_blocks(additive, SHAPE, True)
    for backward in (False, True):
        against_peers(report, SHAPE, backward, want)
    report.note(
        f"{FLEX} has no additive score; its score_mod can add the features up one by one, in the "
        "forward pass (a sum over them does not compile)"
    )


if __name__ == "__main__":
    main(__file__, __doc__, measure)
