"""Round numbers for an axis."""

import math


def linear(low: float, high: float, about: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high], around ``about`` of them.

    ``low`` must be below ``high``, by more than the precision of a float.

    >>> linear(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / about
    power = math.floor(math.log10(rough))
    step = next(m * 10.0**power for m in (1, 2, 5, 10) if m * 10.0**power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, max(0, 1 - power)) for i in range(first, last + 1)]


def logarithmic(low: float, high: float) -> list[float]:
    """Powers of ten within [low, high], and 2 and 5 times them where those are few.

    Where even these are less than two, the ticks of a linear axis. Both ends must be above zero.

    >>> logarithmic(0.001, 1.0), logarithmic(1.0, 6.0), logarithmic(1.1, 1.5)
    ([0.001, 0.01, 0.1, 1.0], [1.0, 2.0, 5.0], [1.1, 1.2, 1.3, 1.4, 1.5])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, (last - first) // 8)
    multiples = (1, 2, 5) if high / low < 300 else (1,)
    found = [float(f"{m}e{power}") for power in range(first, last + 1, stride) for m in multiples]
    kept = [tick for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    return kept if len(kept) > 1 else linear(low, high)


def label(tick: float) -> str:
    """The number as an axis shows it: as it is, or with an exponent where that is shorter.

    >>> label(0.2), label(20000.0), label(1e-05), label(3e9)
    ('0.2', '20000', '1e-5', '3e9')
    """
    plain = f"{tick:.12g}"
    mantissa, exponent = f"{tick:.11e}".split("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return short if "e" in plain or len(plain) > max(7, len(short)) else plain
