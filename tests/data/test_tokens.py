"""Words and punctuation: nothing of a text is lost but the length of its white space."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.tokens import MARK, join, shown, split, surfaces

TEXTS = st.text() | st.text("ab1.,:'’-!?()%fed￭ \u00a0\u202f\té́ि日\u200c_", max_size=30)


@given(TEXTS)
def test_nothing_but_white_space_is_lost(text):
    assert join(split(text)) == " ".join(text.split())


@given(TEXTS)
def test_tokens_stay_as_they_are_when_split_again(text):
    tokens = split(text)
    assert split(join(tokens)) == tokens
    assert "".join(surfaces(tokens)) == join(tokens)
    assert all(map(shown, tokens))


@given(TEXTS)
def test_words_carry_no_joiner_unless_an_apostrophe_parts_them(text):
    for token in split(text):
        if shown(token)[0].isalnum():
            bare = token.removesuffix(MARK)
            assert MARK not in bare
            assert bare == token or bare[-1] in "'’"


@given(st.text("ab ,!", max_size=20))
def test_agrees_with_plain_rules_of_words_and_signs(text):
    tokens = split(text)
    assert [shown(token) for token in tokens] == re.findall("[ab]+|[,!]", text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Je t'aime.", ["Je", "t'￭", "aime", "￭."]),
        ("I don’t know!", ["I", "don’￭", "t", "know", "￭!"]),
        ("I love you.", ["I", "love", "you", "￭."]),
        ("Peux-tu dire « oui » ?", ["Peux", "￭-￭", "tu", "dire", "«", "oui", "»", "?"]),
        ("Quoi\u202f?", ["Quoi", "?"]),
        ("'tis the boys' 1990s", ["'￭", "tis", "the", "boys", "￭'", "1990s"]),
        ("At 10:30, 1,000 x 3.14.", ["At", "10:30", "￭,", "1,000", "x", "3.14", "￭."]),
        ('("No...", 5%)', ["(", '￭"￭', "No", "￭...", '￭"', "￭,", "5", "￭%", "￭)"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "￭।"]),
        ("مى\u200cروم؟", ["مى\u200cروم", "￭؟"]),
        ("Kẹ̀dụ́?", ["Kẹ̀dụ́", "￭?"]),
        ("<unk> a￭b %ffed", ["<￭", "unk", "￭>", "a", "￭%ffed￭", "b", "%￭", "ffed"]),
        ("", []),
        (" \u00a0\t\n", []),
    ],
)
def test_examples(text, tokens):
    assert split(text) == tokens


def test_what_a_model_says_needs_not_fit_together():
    assert join(["￭.", "a'￭", "￭,￭", "b￭"]) == ". a',b"
    assert join(["a", "<unk>", "b"]) == "a <unk> b"
    assert shown("￭%ffed￭") == MARK
