"""A covering design: few cases in which every two values of two axes meet."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product

Case = dict[str, str]

PARTS = ("score", "mask", "bias", "normalizer", "engine")
"""The axes that the full grid crosses; shapes and dtypes are drawn."""


def covering(
    axes: Mapping[str, Sequence[str]], valid: Callable[[Case], bool], seed: int = 0
) -> list[Case]:
    """Cases that cover every valid pair of values, greedily; ``valid`` judges partial cases."""
    chance = random.Random(seed)

    def possible(case: Case) -> bool:  # for some engine: all rules are rules of engines
        engines = [case["engine"]] if "engine" in case else axes["engine"]
        return any(valid({**case, "engine": engine}) for engine in engines)

    missing = {
        pair
        for (a, of_a), (b, of_b) in combinations(axes.items(), 2)
        for x, y in product(of_a, of_b)
        if possible({a: x, b: y}) and (pair := frozenset({(a, x), (b, y)}))
    }
    cases = []
    while missing:
        case = dict(min(missing, key=sorted))
        for axis in chance.sample(list(axes), len(axes)):
            if axis in case:
                continue
            able = [x for x in axes[axis] if possible({**case, axis: x})]
            chance.shuffle(able)
            case[axis] = max(able, key=lambda x: len(_pairs({**case, axis: x}) & missing))
        cases.append({axis: case[axis] for axis in axes})
        missing -= _pairs(case)
    return cases


def grid(
    some: Mapping[str, Sequence[str]],
    axes: Mapping[str, Sequence[str]],
    valid: Callable[[Case], bool],
    seed: int = 0,
) -> Iterator[Case]:
    """All combinations of the values of ``some`` axes, each with chance values of the others."""
    chance = random.Random(seed)
    for values in product(*some.values()):
        case = dict(zip(some, values, strict=True))
        for axis in axes:
            if axis not in case and valid(case):
                case[axis] = chance.choice([x for x in axes[axis] if valid({**case, axis: x})])
        if valid(case):
            yield {axis: case[axis] for axis in axes}


def _pairs(case: Case) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(pair) for pair in combinations(case.items(), 2)}
