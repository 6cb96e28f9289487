"""Texts as numbers and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.vocabulary import BEGIN, END, PAD, SPECIAL, UNKNOWN, Vocabulary, join, surfaces
from regard.errors import DataError, RangeError


@given(st.lists(st.text(max_size=8), max_size=6))
def test_known_texts_come_back(texts):
    vocabulary = Vocabulary.of(texts, "characters")
    for text in texts:
        numbers = vocabulary.encode(text)
        assert UNKNOWN not in numbers
        assert vocabulary.decode([BEGIN, *numbers, END, 5, PAD]) == text
    stored = json.loads(json.dumps(vocabulary.to_json()))
    assert Vocabulary.from_json(stored) == vocabulary


def test_words_and_a_limit():
    vocabulary = Vocabulary.of(["the cat", "the  dog, the cat"], "words", size=2)
    assert vocabulary.tokens[4:] == ("the", "cat")
    assert vocabulary.encode("the dog") == [4, UNKNOWN]
    assert vocabulary.decode([4, UNKNOWN]) == "the <unk>"


@given(st.lists(st.text("ab ,.'-", max_size=12), max_size=6))
def test_words_and_punctuation_come_back(texts):
    vocabulary = Vocabulary.of(iter(texts), "words")
    stored = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert stored == vocabulary
    for text in texts:
        assert stored.decode(stored.encode(text)) == " ".join(text.split())
        assert join(stored.split(text), "words") == " ".join(text.split())


def test_a_least_count():
    assert Vocabulary.of(["a b b c c c"], "words", min_count=2).tokens[4:] == ("c", "b")
    with pytest.raises(RangeError, match="min_count of a vocabulary is at least 1: 0"):
        Vocabulary.of(["a"], "words", min_count=0)


@pytest.mark.parametrize("units", ["characters", "words"])
def test_lower_case_is_kept_with_the_vocabulary(units):
    vocabulary = Vocabulary.of(["Ab aB"], units, lower_case=True)
    stored = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert stored.encode("AB") == vocabulary.encode("ab") != [UNKNOWN]
    assert UNKNOWN in Vocabulary.of(["ab"], units).encode("AB")


@pytest.mark.parametrize("units", ["characters", "words", "pieces"])
def test_special_tokens_cannot_be_written_into_a_text(units):
    vocabulary = Vocabulary.of(["</s> <pad> <s> <unk> a", "a < > / s p a d u n k"], units)
    assert all(number > END for number in vocabulary.encode("</s> <pad> <s> <unk> a"))
    assert vocabulary.decode(vocabulary.encode("<s> a </s>")) == "<s> a </s>"


def test_spelt_as_a_special_token():
    # no text is split into such a token, but a stored table may name one
    assert Vocabulary("characters", (*SPECIAL, "a")).encode("a") == [4]
    assert Vocabulary("characters", ("a", "b", "c", "d")).encode("abcd") == [UNKNOWN] * 4


@pytest.mark.parametrize("units", ["characters", "words", "pieces"])
def test_surfaces_are_the_text(units):
    text = "Don't stop (now)."
    parts = Vocabulary.of([text] * 3, units).split(text)
    spelt = surfaces(parts, units)
    assert len(spelt) == len(parts)
    assert "".join(spelt) == text


def test_older_and_broken_files():
    old = Vocabulary.from_json({"units": "characters", "tokens": ["a"]})
    assert old.encode("a") == [4]
    with pytest.raises(DataError, match="words without their joiners .* train the run again"):
        Vocabulary.from_json({"units": "words", "tokens": ["a"]})
    with pytest.raises(DataError, match='has "units" and "tokens"'):
        Vocabulary.from_json({"units": "bytes", "tokens": []})
    with pytest.raises(DataError, match='has "units" and "tokens"'):
        Vocabulary.from_json({"units": "pieces"})
