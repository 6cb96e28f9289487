"""Pieces of words: the same each time, exact, silent, and refused in sentences."""

import json
import pickle
import sys
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.vocabulary import BEGIN, END, PAD, SPECIAL, UNKNOWN, Vocabulary, join
from regard.errors import DataError, MissingExtra, RangeError

TEXTS = [
    "I love you.",
    "You love  me?",
    "The lovers loved the lovely love.",
    "Je t'aime.",
    "日本語 — “oui”",
    "Quoi\u202f?",
]


@cache
def learned_once():
    return Vocabulary.of(TEXTS * 5, "pieces", size=60)


@pytest.fixture
def vocabulary():
    return learned_once()


def test_numbers_of_the_special_tokens(vocabulary):
    assert vocabulary.tokens[:4] == SPECIAL
    assert len(vocabulary) <= 64
    assert any(len(token) > 2 for token in vocabulary.tokens[4:])


def test_texts_come_back(vocabulary):
    for text in TEXTS:
        numbers = vocabulary.encode(text)
        assert UNKNOWN not in numbers
        assert vocabulary.decode([BEGIN, *numbers, END, 7, PAD]) == " ".join(text.split())
        assert join(vocabulary.split(text), "pieces") == " ".join(text.split())


@given(st.lists(st.sampled_from(sorted(set("".join(TEXTS)))), max_size=20).map("".join))
def test_every_text_of_known_characters_comes_back(text):
    vocabulary = learned_once()
    assert vocabulary.decode(vocabulary.encode(text)) == " ".join(text.split())


def test_unknown_characters(vocabulary):
    # a run of unknown characters is one unknown token, and its letters stay in the split
    tokens, numbers = vocabulary.split("I love Жж you."), vocabulary.encode("I love Жж you.")
    assert len(tokens) == len(numbers)
    assert [tokens[i] for i, number in enumerate(numbers) if number == UNKNOWN] == ["Жж"]
    assert vocabulary.decode(numbers) == "I love <unk> you."
    assert BEGIN not in vocabulary.encode("<s>")
    assert END not in vocabulary.encode("</s>")
    assert PAD not in vocabulary.encode("<pad>")
    assert UNKNOWN in vocabulary.encode("a\ud800\0b")  # neither is refused nor crashes


def test_the_same_each_time_and_stored_exactly(vocabulary, capfd):
    again = Vocabulary.of(iter(TEXTS * 5), "pieces", size=60)
    assert again == vocabulary
    stored = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert stored == vocabulary
    assert stored.encode("You loved me!") == vocabulary.encode("You loved me!")
    assert pickle.loads(pickle.dumps(stored)) == vocabulary
    assert capfd.readouterr() == ("", "")


def test_small_texts_give_fewer_pieces():
    small = Vocabulary.of(["ab"], "pieces")
    assert 4 < len(small) < 10
    assert small.decode(small.encode("b ab a")) == "b ab a"


def test_lower_case():
    vocabulary = Vocabulary.of(["Ab AB"], "pieces", size=10, lower_case=True)
    assert vocabulary.encode("AB") == vocabulary.encode("ab")
    assert not any(map(str.isupper, vocabulary.tokens[4:]))


def test_refuses():
    with pytest.raises(DataError, match="data.vocabulary is 6, and pieces .* need at least 17:"):
        Vocabulary.of(["abcdefghijklmnop"], "pieces", size=6)
    assert len(Vocabulary.of(["abcdefghijklmnop"], "pieces", size=17)) <= 21
    for nothing in ([], ["", "  "]):
        with pytest.raises(DataError, match="no texts to learn pieces from"):
            Vocabulary.of(nothing, "pieces")
    with pytest.raises(RangeError, match="size of a vocabulary is at least 1: 0"):
        Vocabulary.of(["a"], "pieces", size=0)
    with pytest.raises(DataError, match="no model of sentencepiece"):
        Vocabulary.from_json({"units": "pieces", "model": "AAAA"})
    with pytest.raises(DataError, match="not base64"):
        Vocabulary.from_json({"units": "pieces", "model": "A"})


def test_an_error_in_reading_is_told_as_it_is():
    def texts():
        yield from TEXTS
        raise DataError("pairs.tsv:7: not UTF-8")

    with pytest.raises(DataError, match=r"^pairs\.tsv:7: not UTF-8$"):
        Vocabulary.of(texts(), "pieces", size=60)


def test_without_sentencepiece(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingExtra, match=r"pip install 'regard\[text\]'"):
        Vocabulary.of(TEXTS, "pieces")
