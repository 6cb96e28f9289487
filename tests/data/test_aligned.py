"""The pairs aligned by hand: whole, readable, and what is wrong in a file is told with its line."""

from pathlib import Path

import pytest

from regard.data.aligned import english_french, is_word, parse, read
from regard.data.tokens import shown, split
from regard.errors import DataError

MINE = "I love you. ||| Je t'aime. ||| Je=I t'=you aime=(love)+I .=_"


def test_the_pairs_of_the_library_are_whole() -> None:
    pairs = english_french()
    assert len(pairs) >= 60
    assert (pairs[0].source, pairs[0].target) == ("I love you.", "Je t'aime.")
    assert len({pair.source for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert pair.source_tokens == tuple(map(shown, split(pair.source)))
        assert pair.target_tokens == tuple(map(shown, split(pair.target)))
        assert pair.sure <= pair.possible
        # A French word without any link, or punctuation linked to a word, would be a slip.
        for q, token in enumerate(pair.target_tokens):
            links = pair.links_of(q)
            assert links or token == "-", pair.target
            assert all(is_word(pair.source_tokens[k]) == is_word(token) for k in links)
        # English words that nothing answers to are few: "the … of", and no verb or noun.
        linked = {k for _, k in pair.possible}
        left = [token for k, token in enumerate(pair.source_tokens) if k not in linked]
        assert set(left) <= {"the", "of"}, (pair.source, left)


def test_most_words_have_a_sure_link() -> None:
    words = [(pair, q) for pair in english_french() for q in pair.words]
    sure = [bool(pair.links_of(q, sure=True)) for pair, q in words]
    assert 0.8 < sum(sure) / len(sure) < 1


def test_links_are_read() -> None:
    (pair,) = parse(["# a remark", "", MINE], "mine")
    assert pair.sure == {(0, 0), (1, 2), (2, 0)}
    assert pair.possible == pair.sure | {(2, 1)}
    assert pair.links_of(2) == {0, 1}
    assert pair.links_of(2, sure=True) == {0}
    assert pair.links_of(3) == frozenset()
    assert pair.words == (0, 1, 2)


def test_the_second_of_equal_words() -> None:
    (pair,) = parse(["the cat, the dog ||| le chien ||| le=the~2 chien=dog"], "mine")
    assert pair.sure == {(0, 3), (1, 4)}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("I love you. ||| Je t'aime.", "source ||| target ||| links is expected"),
        ("I love you. |||  ||| Je=I", "source ||| target ||| links is expected"),
        (MINE.replace(" .=_", ""), "the links name the tokens Je t' aime, and the target has"),
        (MINE.replace("Je=I", "Je=we"), "the source I love you . has no token we"),
        (MINE.replace("Je=I", "Je=I~2"), "has no token I~2"),
        (MINE.replace("Je=I", "Je=I~0"), "has no token I~0"),
        (MINE.replace("Je=I", "Je"), "token=token is expected, and there is Je"),
        (MINE.replace("Je=I", "Je="), "token=token is expected, and there is Je="),
    ],
)
def test_what_is_wrong_is_told_with_its_line(line: str, what: str) -> None:
    with pytest.raises(DataError) as error:
        parse(["# remark", line], "mine.txt")
    assert str(error.value).startswith("mine.txt:2: ")
    assert what in str(error.value)


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes(b"\xef\xbb\xbf" + MINE.encode() + b"\r\n")
    assert read(file) == parse([MINE], "mine")
    file.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(DataError, match="has no aligned pairs"):
        read(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="is not UTF-8"):
        read(file)
    with pytest.raises(DataError, match="No such file"):
        read(tmp_path / "none.txt")
