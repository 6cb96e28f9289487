"""Parts draw and draw-mnist: DRAW with its windows and without, in the same time."""

from collections.abc import Mapping, Sequence
from typing import Any

from page import table

from published.spread import gain, spread
from published.training import Bench, Finished, Option, Order
from regard.runs.drawing import Options, TrainedDraw
from regard.view import walk

Settings = Mapping[str, Option]

SEEDS = 3
ALIKE = 0.1
"""By what share the parameters may differ at most."""

SAME = 0.05
"""By what share the times of training may differ: a limit of the clock ends a step later or two."""

PAPER = {"attention": 80.97, "without": 87.40}
"""−log p ≤ …, nats, of binarised MNIST after 64 steps (Gregor et al. 2015, table 1)."""

IMAGINED, WALKED = 60, 2
ARMS = {"attention": "", "without": "-without"}
QUICK: Settings = {"model.steps": 3, "model.latent": 4}
WIDE: Settings = {"model.hidden": 128}


def order(
    data: str, arm: str, bench: Bench, seed: int = 0, options: Settings | None = None
) -> Order:
    of_mnist = "-mnist" if data == "mnist" else ""
    small = {**QUICK, "trainer.max_time": bench.max_time(1)} if bench.quick else {}
    all_of_it: Settings = {
        "config": f"configs/draw{of_mnist}{ARMS[arm]}.yaml",
        "training.seed": seed,
        **(options or {}),
        **small,
    }
    wide = "-wide" if options else ""
    return Order(f"draw-{data}-{arm}{wide}-{seed}", "draw", data, all_of_it)


def draw(bench: Bench) -> dict[str, Any]:
    """Digits on a canvas: three seeds of each; and the baseline with as many hidden features."""
    seeds = bench.seeds(SEEDS)
    runs = {arm: [bench.train(order("digits", arm, bench, seed)) for seed in seeds] for arm in ARMS}
    arms = {arm: arm_of(found) for arm, found in runs.items()}
    bounds = {arm: arms[arm]["bound"]["values"] for arm in ARMS}
    wide = bench.train(order("digits", "without", bench, 0, WIDE))
    return {
        "arms": arms,
        "wide": wide.as_json(),
        "gain": gain(bounds["without"], bounds["attention"]),
        "widest": max(max(values) - min(values) for values in bounds.values()),
        **pictures(runs["attention"][0]),
    }


def mnist(bench: Bench) -> dict[str, Any]:
    """Binarised MNIST: one training of each."""
    runs = {arm: bench.train(order("mnist", arm, bench)) for arm in ARMS}
    return {
        "arms": {arm: arm_of([run]) for arm, run in runs.items()},
        **pictures(runs["attention"]),
    }


def arm_of(runs: Sequence[Finished]) -> dict[str, Any]:
    return {
        "bound": spread([run.scores["bound"] for run in runs]),
        "runs": [run.as_json() for run in runs],
    }


def pictures(run: Finished) -> dict[str, str]:
    """Imagined images, and the windows' walks over the first images of the test part."""
    from pictures import beside

    from regard.runs.folder import Run
    from regard.runs.held_out import load, splits_of

    trained = load(run.path)
    assert isinstance(trained, TrainedDraw)
    test = splits_of(Run.open(run.path)).test
    walks = trained.predict([test[place].image for place in range(WALKED)])
    return {
        "imagined": walk.sheet([("", trained.imagine(IMAGINED, Options()))]),
        "walks": beside(*(one.figure() for one in walks), columns=1),
    }


def claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    sizes = [one["runs"][0]["parameters"] for one in result["arms"].values()]
    times = [run["training"] for one in result["arms"].values() for run in one["runs"]]
    return [
        {
            "what": "DRAW on placed digits: what windows gain, beside the spread of the seeds",
            "measured": result["gain"]["mean"],
            "limit": result["widest"],
            "unit": "nats",
            "at_least": True,
        },
        {
            "what": "DRAW on placed digits: parameters, the larger by the smaller",
            "measured": max(sizes) / min(sizes),
            "limit": 1 + ALIKE,
            "unit": "×",
            "at_least": False,
        },
        {
            "what": "DRAW on placed digits: time of training, the longest by the shortest",
            "measured": max(times) / min(times),
            "limit": 1 + SAME,
            "unit": "×",
            "at_least": False,
        },
    ]


NAMES = {"attention": "windows to read and write", "without": "no attention"}


def rows(arms: Mapping[str, dict[str, Any]]) -> list[list[Any]]:
    return [
        [
            NAMES[arm],
            nats(one["bound"]),
            *(f"{mean(one['runs'], name):.1f}" for name in ("reconstruction", "latent")),
            *(
                f"{100 * mean(one['runs'], name):.0f}" if name in one["runs"][0]["scores"] else "–"
                for name in ("reads_on_it", "reads_on_another", "writes_on_it", "writes_on_another")
            ),
            f"{one['runs'][0]['parameters']:,}",
            f"{sum(run['training'] for run in one['runs']) / len(one['runs']) / 60:.1f}",
            f"{sum(run['steps'] for run in one['runs']) / len(one['runs']):,.0f}",
        ]
        for arm, one in arms.items()
    ]


HEADS = (
    "",
    "bound, nats",
    "reconstruction",
    "latent",
    "reads on it, %",
    "by chance",
    "writes on it, %",
    "by chance",
    "parameters",
    "minutes",
    "trainings' steps",
)


def nats(found: dict[str, Any]) -> str:
    if found["low"] is None:
        return f"{found['mean']:.2f}"
    each = ", ".join(f"{value:.2f}" for value in found["values"])
    return f"{found['mean']:.2f} ({each})"


def mean(runs: Sequence[dict[str, Any]], name: str) -> float:
    return sum(run["scores"][name] for run in runs) / len(runs)


def page(result: dict[str, Any]) -> str:
    found, wide = result["gain"], result["wide"]
    commands = "\n".join(f"    {one['runs'][0]['command']}" for one in result["arms"].values())
    return (
        "A handwritten digit somewhere on a canvas ([the data](data/placed.md)): as many steps, "
        "nearly as many parameters, and the same time of training. The bound is that of −log p of "
        "an image, the mean over the test part (other images of digits), lower is better; in "
        "brackets each seed's. A window is on the digit when its middle lies in the digit's box; "
        "by chance is the same with the box of another image.\n\n"
        f"{table(HEADS, rows(result['arms']))}\n\n"
        f"Windows gain **{found['mean']:.1f}** nats ({found['low']:.1f} … {found['high']:.1f}, 95% "
        "of Student's t over the seeds' differences); the seeds of one arm lie "
        f"{result['widest']:.1f} nats apart at most. Without attention most parameters are those "
        "that write the whole canvas, so that few are left for the state. With as many features of "
        f"the state as the other ({wide['parameters']:,} parameters, "
        f"{wide['training'] / 60:.1f} minutes, {wide['steps']:,} steps, one seed) it reaches "
        f"{wide['scores']['bound']:.2f} nats.\n\n"
        "Images that the model imagined, from noise alone:\n\n"
        "![Imagined digits](results/draw_imagined.svg)\n\n"
        "The windows walk over the first two images of the test part, step by step: above, what is "
        "read; below, what is drawn.\n\n"
        "![The windows' walk, step by step](results/draw_walks.svg)\n\n"
        f"{commands}"
    )


def mnist_page(result: dict[str, Any]) -> str:
    arms = result["arms"]
    beside = [
        [NAMES[arm], f"{one['bound']['mean']:.2f}", f"{PAPER[arm]:.2f}"]
        for arm, one in arms.items()
    ]
    commands = "\n".join(f"    {one['runs'][0]['command']}" for one in arms.values())
    return (
        "The same pair on MNIST, black and white, one training each.\n\n"
        f"{table(('', 'bound, nats', 'paper: −log p ≤'), beside)}\n\n"
        f"{table(HEADS, rows(arms))}\n\n"
        "What differs from the paper: 8 steps and not 64, 10 latent numbers a step and not 100, "
        "128 hidden features and not 256 (without attention so many as give the same number of "
        "parameters), minutes of training on a CPU and not until it converges; and each pixel was "
        "drawn once with its grey as the probability, as for the data set that the paper takes, "
        "but with draws of our own, so that the numbers are of other images. The bound is the "
        "mean over 10,000 test images.\n\n"
        "![Imagined digits](results/draw_mnist_imagined.svg)\n\n"
        "![The windows' walk, step by step](results/draw_mnist_walks.svg)\n\n"
        f"{commands}"
    )


def drawings(result: dict[str, Any]) -> dict[str, str]:
    return {f"draw_{name}": result[name] for name in ("imagined", "walks")}


def mnist_drawings(result: dict[str, Any]) -> dict[str, str]:
    return {f"draw_mnist_{name}": result[name] for name in ("imagined", "walks")}
