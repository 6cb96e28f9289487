"""Texts as numbers and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary
from regard.errors import DataError


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
    vocabulary = Vocabulary.of(["the cat", "the  dog the cat"], "words", size=2)
    assert vocabulary.tokens[4:] == ("the", "cat")
    assert vocabulary.encode("the dog") == [4, UNKNOWN]
    assert vocabulary.decode([4, UNKNOWN]) == "the <unk>"


def test_special_tokens_cannot_be_written_into_a_text():
    vocabulary = Vocabulary.of(["</s> <pad> a"], "words")
    assert vocabulary.encode("</s> a") == [UNKNOWN, 4]


def test_broken_file():
    with pytest.raises(DataError, match='has "units" and "tokens"'):
        Vocabulary.from_json({"units": "bytes", "tokens": []})
