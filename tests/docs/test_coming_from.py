"""docs/coming-from.md: every block of every peer, with the peer where it is installed.

Peers that are hard to install are also played by what their documentation says
(``peers/documented.py``), so that our lines are run in any case. The examples of torch's function
and layer are doctests of the page.
"""

import importlib.util
import os
import subprocess
import sys
import warnings

import pytest
import torch

from peers import documented, page
from regard import masks, nn

LIMIT = 1e-5
HARD_TO_INSTALL = ("xformers", "flash_attn", "tensorflow_addons")
DOCUMENTED = [(peer, program) for peer in HARD_TO_INSTALL for program in page.programs(peer)]


def run(peer: str, limit: float = LIMIT, **environment: str) -> None:
    """All blocks of the peer, in a process of their own: peers warn, and warnings are errors."""
    command = [sys.executable, "-W", "ignore", page.__file__ or "", peer, str(limit)]
    done = subprocess.run(command, text=True, capture_output=True, env=os.environ | environment)
    assert done.returncode == 0, done.stderr[-2000:]


def is_installed(*names: str) -> None:
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


def test_every_peer_of_the_page_is_here() -> None:
    assert page.peers() == {"flex", "keras", *HARD_TO_INSTALL}


@pytest.mark.parametrize("program", page.programs("flex"), ids=lambda text: text.split("\n")[-2])
def test_flex(program: str) -> None:
    with warnings.catch_warnings(action="ignore"):  # it says that it is not compiled
        assert page.apart(program) <= LIMIT


def test_keras() -> None:
    is_installed("keras")
    run("keras", KERAS_BACKEND="torch")


@pytest.mark.parametrize("peer", HARD_TO_INSTALL)
def test_peers_that_are_hard_to_install(peer: str) -> None:
    is_installed(peer)
    if peer != "tensorflow_addons" and not torch.cuda.is_available():
        pytest.skip(f"{peer} has no kernels for this machine")
    run(peer, limit=5e-3 if peer == "flash_attn" else LIMIT)


@pytest.mark.parametrize(("peer", "program"), DOCUMENTED, ids=lambda text: text.split("\n")[-2:][0])
def test_what_they_document(peer: str, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, module in documented.modules(peer).items():
        monkeypatch.setitem(sys.modules, name, module)
    assert page.apart(program) <= LIMIT
    wrong = program.replace("mask=masks.causal()", 'mask=masks.causal(align="start")').replace(
        "before=1", "before=2"
    )
    if wrong != program:
        assert page.apart(wrong) > LIMIT


@pytest.mark.skipif(not torch.__version__.startswith("2.13."), reason="said of torch 2.13")
def test_what_a_query_that_sees_nothing_gets_from_torch() -> None:
    allowed = torch.ones(3, 3).tril(-1).bool()
    query, key, value = (torch.randn(1, 1, 3, 4) for _ in range(3))
    attention = torch.nn.functional.scaled_dot_product_attention
    assert not attention(query, key, value, attn_mask=allowed)[..., 0, :].any()
    states = torch.randn(1, 3, 4)
    theirs, ours = torch.nn.MultiheadAttention(4, 2, batch_first=True), nn.MultiheadAttention(4, 2)
    for asked in (True, False):
        output, _ = theirs(states, states, states, attn_mask=~allowed, need_weights=asked)
        assert output[0, 0].isnan().any() == asked
    with torch.no_grad():
        alone, _ = theirs.eval()(states, states, states, attn_mask=~allowed, need_weights=False)
    assert alone[0, 0].isnan().all()
    assert torch.equal(ours(states, mask=masks.dense(allowed))[0, 0], ours.out_proj.bias)
