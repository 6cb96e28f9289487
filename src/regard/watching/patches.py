"""Attention functions are replaced while somebody watches, and put back afterwards.

They are replaced where models look them up: in torch, in transformers' table, and in the modules
that define the model's classes, which may hold them under names of their own. The fast paths of
torch's Transformer, which call no such function, are off meanwhile; and compiled code, which has
looked them up already, runs as it was written.
"""

import sys
import threading
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F

from regard import witness
from regard.watching import torch_calls, transformers_calls
from regard.watching.calls import Own
from regard.watching.telling import WATCHING, Watcher

_LOCK = threading.Lock()
_REPLACED: list[tuple[Any, str, Any]] = []
OWN = Own()


def begin(watcher: Watcher, classes: Iterable[type]) -> None:
    """Tell ``watcher`` of calls from now on."""
    with _LOCK:
        if not WATCHING:
            _turn_off_fast_paths()
            witness.WITNESSES.append(OWN)
            for where, name in ((torch, "bmm"), (torch, "baddbmm"), *((F, n) for n in _FUNCTIONS)):
                _replace(where, name, getattr(torch_calls, name))
            for where, name, ours in transformers_calls.replacements():
                _replace(where, name, ours)
        for place in {kind.__module__ for kind in classes} - {F.__name__}:
            module = sys.modules.get(place)
            for name, value in list(vars(module).items()) if module is not None else ():
                if (value is torch_calls.SDPA) or (value is torch_calls.MULTI_HEAD):
                    _replace(module, name, getattr(torch_calls, value.__name__))
                elif name == "eager_attention_forward" and value.__module__ == place:
                    _replace(module, name, transformers_calls.eager(value))
        WATCHING.append(watcher)


_FUNCTIONS = ("scaled_dot_product_attention", "multi_head_attention_forward")


def end(watcher: Watcher) -> None:
    """Tell ``watcher`` no more; after the last one all is as it was."""
    with _LOCK:
        WATCHING.remove(watcher)
        if not WATCHING:
            witness.WITNESSES.remove(OWN)
        while _REPLACED and not WATCHING:
            where, name, original = _REPLACED.pop()
            if isinstance(where, dict):
                where[name] = original
            elif callable(where):
                where(original)
            else:
                setattr(where, name, original)


def _replace(where: Any, name: str, ours: Any) -> None:
    held = where if isinstance(where, dict) else vars(where)
    _REPLACED.append((where, name, held[name]))
    if isinstance(where, dict):
        where[name] = ours
    else:
        setattr(where, name, ours)


def _turn_off_fast_paths() -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    _REPLACED.append((torch.backends.mha.set_fastpath_enabled, "", before))
    torch.backends.mha.set_fastpath_enabled(False)
    if "torch._dynamo" in sys.modules:  # else nothing is compiled; importing it takes seconds
        stance = torch.compiler.set_stance("force_eager")
        _REPLACED.append((lambda _: stance.__exit__(None, None, None), "", None))
        stance.__enter__()
