"""How do scores become weights?  Each is a function of scores and of what is allowed.

A normalizer takes scores ``(…, Q, K)`` of whole rows and ``allowed`` (booleans that broadcast to
them, or None: everything) and gives weights of the same shape: 0 where not allowed, and all 0 in
a row where nothing is. What scores hold where they are not allowed changes nothing.

A function of your own gets 0 for scores that are not allowed, and its weights there are set to 0.
"""

from regard.errors import KindError, UnknownName
from regard.normalizers.gumbel import Gumbel
from regard.normalizers.normalizer import Normalizer
from regard.normalizers.soft import hard, sigmoid, softmax
from regard.normalizers.sparse import entmax15, sparsemax

__all__ = [
    "NORMALIZERS",
    "Gumbel",
    "Normalizer",
    "draws",
    "entmax15",
    "hard",
    "named",
    "settled",
    "sigmoid",
    "softmax",
    "sparsemax",
]

NORMALIZERS: dict[str, Normalizer] = {
    "softmax": softmax,
    "sparsemax": sparsemax,
    "hard": hard,
    "gumbel": Gumbel(),
    "sigmoid": sigmoid,
    "entmax15": entmax15,
}


def named(normalizer: Normalizer | str) -> Normalizer:
    """The normalizer that a name stands for; functions pass.

    Raises:
        UnknownName: no normalizer is called so; the message lists the names.
        KindError: neither a name nor a function.
    """
    if isinstance(normalizer, str):
        if normalizer not in NORMALIZERS:
            raise UnknownName(
                f"no normalizer is called {normalizer!r}; the normalizers are "
                f"{', '.join(NORMALIZERS)}, or a function of scores and allowed"
            )
        return NORMALIZERS[normalizer]
    if not callable(normalizer):
        raise KindError(
            "normalizer is a name or a function of scores (…, Q, K) and allowed (booleans or "
            f"None); {normalizer!r} is neither"
        )
    return normalizer


def draws(normalizer: Normalizer) -> bool:
    """Whether a normalizer may draw at random; a function of the user's cannot be asked."""
    return isinstance(normalizer, Gumbel) or normalizer not in NORMALIZERS.values()


def settled(normalizer: Normalizer, *, training: bool) -> Normalizer:
    """What a layer takes: in evaluation nothing is drawn, so ``hard`` takes the place of Gumbel."""
    return hard if isinstance(normalizer, Gumbel) and not training else normalizer
