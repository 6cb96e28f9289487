"""The set eng-fra: its clean-up and its parts, on made sentences, and on the real ones if there."""

import gzip
import hashlib
import os
from collections import Counter
from random import Random

import pytest

from regard.data import download, tatoeba
from regard.data.download import Member
from regard.data.pairs import Pair
from regard.data.sources import PairsConfig, load
from regard.data.splits import fingerprint

WORDS = ["a", "cat", "sat", "on", "the", "mat", "and", "slept"]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Sentences of 1 to 20 words, each with one to three translations, in a file as of the set."""
    random, pairs = Random(0), []
    for number in range(400):
        source = " ".join(random.choices(WORDS, k=random.randint(1, 20))) + f" {number}."
        pairs += [Pair(source, f"phrase {number} {i}") for i in range(random.randint(1, 3))]
    rows = [f"{source}\t{target}\tCC-BY 2.0\n" for source, target in pairs]
    packed = gzip.compress("".join(rows).encode())
    folder = tmp_path / "tatoeba_eng_fra"
    folder.mkdir()
    (folder / "eng-fra.tsv.gz").write_bytes(packed)
    local = Member("eng-fra.tsv.gz", hashlib.sha256(packed).hexdigest(), folder.name)
    own = download.SETS["eng-fra"]._replace(local=(local,))
    monkeypatch.setitem(download.SETS, "eng-fra", own)
    monkeypatch.setenv("REGARD_DATA", str(tmp_path))
    monkeypatch.setattr(tatoeba, "LONG", 50)
    return pairs


def sources(part) -> set[str]:
    return {pair.source for pair in part}


def test_parts(made):
    parts = load(["eng-fra"], PairsConfig(valid=0.1, test=0.2))
    named = [*parts.parts, parts.others["long"]]
    assert sorted(pair for part in named for pair in part) == sorted(made)
    counts = [len(sources(part)) for part in named]
    assert sum(counts) == 400
    assert counts[1:] == [35, 70, 50]  # a tenth and a fifth of the 350 that were left
    assert all(len(source.split()) >= 15 for source in sources(named[3]))
    # Long sentences are left in the other parts: those of the set were drawn by ranks of their own.
    assert all(any(len(source.split()) >= 15 for source in sources(part)) for part in named[:3])
    assert fingerprint(parts) == fingerprint(load("eng-fra", PairsConfig(valid=0.1, test=0.2)))
    other = load("eng-fra", PairsConfig(valid=0.1, test=0.2, seed=1))
    assert sources(other.others["long"]) != sources(named[3])
    assert sources(other.test) != sources(parts.test)
    assert parts.notes[0].startswith("eng-fra is eng-fra.tsv.gz of SHA-256 ")


def test_the_other_way(made):
    parts = load("eng-fra", PairsConfig(reverse=True))
    named = [*parts.parts, parts.others["long"]]
    turned = [Pair(target, source) for source, target in made]
    assert sorted(pair for part in named for pair in part) == sorted(turned)


def test_clean_up():
    pairs = [
        Pair("Run!", "Cours\u202f!"),
        Pair("E\u0301te", " ne\u200bige\u00a0\u00a0co\u00adule "),
    ]
    assert list(tatoeba.cleaned(pairs)) == [Pair("Run!", "Cours !"), Pair("Éte", "neige coule")]


REAL = os.path.join(os.environ.get("REGARD_DATA", "-"), "tatoeba_eng_fra", "eng-fra.tsv.gz")  # noqa: PTH118


@pytest.mark.skipif(not os.path.exists(REAL), reason="REGARD_DATA has no eng-fra")  # noqa: PTH110
def test_the_real_sentences():
    parts = load(["eng-fra"], PairsConfig())
    named = {"train": parts.train, "valid": parts.valid, "test": parts.test, **parts.others}
    seen = Counter(source for part in named.values() for source in sources(part))
    assert set(seen.values()) == {1}
    assert len(sources(named["long"])) == 300
    assert len(sources(named["test"])) == len(sources(named["valid"])) == round(0.01 * 96_393)
    assert sum(map(len, named.values())) == 139_841
    assert len(parts.notes) == 2
