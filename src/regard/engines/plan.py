"""Which engine computes a call, and why not the others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from regard.engines import additive_numba, additive_triton, flex, reference, sdpa, streaming
from regard.engines.call import Call
from regard.errors import EngineError, UnknownName

# In order of preference.
ENGINES: dict[str, ModuleType] = {
    "flex": flex,
    "sdpa": sdpa,
    "additive_triton": additive_triton,
    "additive_numba": additive_numba,
    "streaming": streaming,
    "reference": reference,
}

HESITATE: dict[str, Callable[[Call], bool]] = {
    "sdpa": sdpa.hesitate,
    "additive_numba": additive_numba.hesitate,
}
"""Engines that could take a call and had better leave it to the next, unless they are asked for."""

ABOUT = {
    "flex": "torch's FlexAttention, compiled for the mask; linear memory",
    "sdpa": "torch's fused kernel; linear memory",
    "additive_triton": "fused kernels for GPUs; linear memory",
    "additive_numba": "fused kernels for the CPU; linear memory",
    "streaming": "blocks of queries, computed again in the backward pass; linear memory",
    "reference": "the formula as it stands; holds all (Q, K) weights",
}


@dataclass(frozen=True)
class Plan:
    """The engine that takes a call, and what each of the others says.

    Attributes:
        engine: the name of the engine that computes the call.
        refusals: for each engine that cannot take the call, the reason.
    """

    engine: str
    refusals: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(f"{name:<15} {self._says(name)}" for name in ENGINES)

    def _says(self, name: str) -> str:
        if name == self.engine:
            return f"takes it: {ABOUT[name]}"
        if name in self.refusals:
            return f"cannot: {self.refusals[name]}"
        return f"could: {ABOUT[name]}"


def choose(call: Call, engine: str = "auto") -> ModuleType:
    """The engine that takes the call, as ``plan`` tells it, without asking those behind it."""
    if engine == "auto":
        for name, module in ENGINES.items():
            if module.refuse(call) is None and not _hesitates(name, call):
                return module
    return ENGINES[plan(call, engine).engine]


def plan(call: Call, engine: str = "auto") -> Plan:
    """The plan of a call; ``engine`` other than "auto" is taken or refused, never replaced.

    Raises:
        UnknownName: no engine is called so.
        EngineError: the engine asked for cannot take the call; the message has the reasons.
    """
    if engine not in ("auto", *ENGINES):
        raise UnknownName(
            f"no engine is called {engine!r}; the engines are auto, {', '.join(ENGINES)}"
        )
    answers = {name: module.refuse(call) for name, module in ENGINES.items()}
    refusals = {name: reason for name, reason in answers.items() if reason is not None}
    if engine in refusals:
        raise EngineError(f"engine={engine!r} cannot take this call: {refusals[engine]}")
    if engine == "auto":
        able = [name for name in ENGINES if name not in refusals]
        if not able:
            raise EngineError("no engine can take this call:\n" + str(Plan("", refusals)))
        engine = next((name for name in able if not _hesitates(name, call)), able[0])
    return Plan(engine, refusals)


def writer(call: Call) -> ModuleType:
    """The engine that writes weights down; a fused kernel has none to give."""
    return streaming if call.is_torch else reference


def with_weights(call: Call, engine: ModuleType) -> tuple[Any, Any]:
    """The output of an engine, and the weights that it used."""
    if engine in (streaming, reference):
        return engine.attend_with_weights(call)
    return engine.attend(call), writer(call).weights(call, range(call.n_queries))


def _hesitates(name: str, call: Call) -> bool:
    return name in HESITATE and HESITATE[name](call)
