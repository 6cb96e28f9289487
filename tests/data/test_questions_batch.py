"""Questions as numbers: looked up by plain loops, windows by hand, vectors by their file."""

import copy
import gzip
import pickle
from itertools import pairwise

import pytest
import torch

from regard.data import questions_words
from regard.data.questions import Asked, Question, QuestionsConfig, Span
from regard.data.questions_batch import ReaderEncoding
from regard.data.questions_words import bucket
from regard.data.tokens import shown, split
from regard.data.vocabulary import PAD, SPECIAL, UNKNOWN
from regard.data.world import World
from regard.errors import DataError

CONFIG = QuestionsConfig(min_count=5)
TRAIN = World.of("train", 0, 40)
ENCODING = ReaderEncoding.of(TRAIN, CONFIG)
CAT = Question("Ann's cat (a big one) sat, and the Cat ran.", "Which cat ran?", (Span(6, 9),))


def word(encoding, text):
    text = text.lower() if encoding.words.lower_case else text
    known = encoding.words.tokens.index(text) if text in encoding.words.tokens else UNKNOWN
    return known if known > UNKNOWN else len(encoding.words) + bucket(text, encoding.buckets)


def spelt(encoding, text):
    known = encoding.characters.tokens
    return [known.index(one) if one in known else UNKNOWN for one in text[:16]]


def test_a_batch_is_what_plain_loops_say():
    some = [*TRAIN[:7], *World.of("test", 0, 5), CAT]
    batch = ENCODING.batch(some)
    for row, one in enumerate(some):
        for side, text in (("passage", one.passage), ("question", one.question)):
            words = [shown(token).rstrip("'") for token in split(text)]
            numbers, lengths = getattr(batch, side)[row], getattr(batch, f"{side}_lengths")[row]
            assert lengths == len(words)
            assert numbers[:lengths].tolist() == [word(ENCODING, text) for text in words]
            assert (numbers[lengths:] == PAD).all()
            letters = getattr(batch, f"{side}_characters")[row]
            for place, text in enumerate(words):
                line = spelt(ENCODING, text)
                assert letters[place].tolist() == line + [PAD] * (letters.shape[1] - len(line))
            assert (letters[lengths:] == PAD).all()
        asked = {shown(token).rstrip("'").lower() for token in split(one.question)}
        words = [shown(token).rstrip("'").lower() for token in split(one.passage)]
        assert batch.shared[row, : len(words)].tolist() == [text in asked for text in words]
        assert not batch.shared[row, len(words) :].any()
        start, end = int(batch.starts[row]), int(batch.ends[row])
        assert start == end
        assert words[start] == one.texts[0].lower()
        before = one.passage[: one.truth.start]
        assert len(split(before)) == start
    longest = max(len(shown(token)) for one in some for token in split(one.passage))
    assert batch.passage_characters.shape[2] == batch.question_characters.shape[2] == longest
    assert 0 < batch.shared.float().mean() < 0.5


def test_a_batch_of_one_is_its_row_of_the_batch():
    some = [CAT, *TRAIN[:5]]
    batch = ENCODING.batch(some)
    for row, one in enumerate(some):
        for whole, alone in zip(batch, ENCODING.batch([one]), strict=True):
            part = whole[row : row + 1]
            for axis, size in enumerate(alone.shape):
                assert not part.narrow(axis, size, part.shape[axis] - size).any()
                part = part.narrow(axis, 0, size)
            assert torch.equal(part, alone)


def test_a_word_is_the_same_whatever_stands_beside_it():
    encoding = ReaderEncoding.of([CAT] * 5, QuestionsConfig(min_count=3))
    # "cat" stands twice in the passage, which counts once, and five times in the question.
    assert encoding.words.tokens == (*SPECIAL, "cat", "ran", "?", "which")
    batch = encoding.batch([CAT])
    cat = word(encoding, "cat")
    assert (batch.passage[0] == cat).nonzero().flatten().tolist() == [2, 12]
    assert batch.question[0].tolist()[1] == cat
    cased = ReaderEncoding.of([CAT] * 5, QuestionsConfig(min_count=3, lower_case=False))
    assert (cased.batch([CAT]).passage == word(cased, "cat")).sum() == 1
    # "shared" leaves capitals aside in any case.
    assert cased.batch([CAT]).shared.nonzero()[:, 1].tolist() == [2, 12, 13]


def test_unknown_words_keep_an_identity():
    names = [f"Na{i}me" for i in range(400)]
    passage = " ".join(names)
    one = Question(passage, f"Where is {names[7]}?", (Span(0, 5),))
    batch = ENCODING.batch([one])
    numbers = batch.passage[0]
    assert (numbers >= len(ENCODING.words)).all()
    assert (numbers < ENCODING.size).all()
    assert numbers[7] == batch.question[0, 2]
    # 400 words in 1,000 buckets: 1000 (1 - e^-0.4) = 330 are taken, give or take four deviations.
    assert 330 - 4 * 8 < len(set(numbers.tolist())) < 330 + 4 * 8
    # Not Python's hash, which is another in every process.
    assert [bucket(name, 1000) for name in ("kerin", "balo")] == [267, 459]


def test_rare_characters_are_unknown():
    one = Question("aa bb a b c", "a b?", (Span(0, 2),))
    encoding = ReaderEncoding.of([one], QuestionsConfig(min_count=2))
    assert encoding.characters.tokens == (*SPECIAL, "a", "b")
    assert encoding.batch([one]).passage_characters[0].tolist() == [
        [4, 4], [5, 5], [4, 0], [5, 0], [UNKNOWN, 0],
    ]  # fmt: skip


def test_answers_within_tokens_and_of_several():
    text = "In the 1990s, well-made (or so)."
    for answer, tokens in (
        ("1990", "1990s"),
        ("90s, well", "1990s , well"),
        ("(or so)", "( or so )"),
    ):
        start = text.index(answer)
        one = Question(text, "What?", (Span(start, start + len(answer)),))
        batch = ENCODING.batch([one])
        found = ENCODING.tokens(text)[int(batch.starts) : int(batch.ends) + 1]
        assert [shown(token) for token, _, _ in found] == tokens.split()
        assert [text[a:b] for _, a, b in found] == tokens.split()


def counted(count, first, last):
    """A passage "t0 t1 …", whose answer goes from one of these to another."""
    words = [f"t{i}" for i in range(count)]
    text = " ".join(words)
    begin = len(" ".join(words[:first])) + (first > 0)
    return Question(text, "Which?", (Span(begin, begin + len(" ".join(words[first : last + 1]))),))


@pytest.mark.parametrize(
    ("count", "answer", "row"),
    [
        (6, (1, 2), (0, 6, 1, 2)),
        (6, (5, 5), (0, 6, 5, 5)),
        (7, (6, 6), (3, 4, 3, 3)),
        (10, (4, 6), (3, 6, 1, 3)),  # the window of 0 … 5 has its start alone
        (10, (2, 5), (0, 6, 2, 5)),
        (13, (12, 12), (9, 4, 3, 3)),
        (12, (7, 8), (3, 6, 4, 5)),
        (12, (2, 9), (0, 6, 2, 5)),  # longer than a window: from its start to the window's end
        (12, (4, 9), (3, 6, 1, 5)),
    ],
)
def test_the_window_to_learn_from(count, answer, row):
    encoding = ReaderEncoding(ENCODING.words, ENCODING.characters, max_length=6, stride=3)
    one = counted(count, *answer)
    batch = encoding.batch([one])
    offset, length, start, end = row
    assert (int(batch.passage_lengths), int(batch.starts), int(batch.ends)) == (length, start, end)
    wanted = [word(encoding, f"t{i}") for i in range(offset, offset + length)]
    assert batch.passage[0].tolist() == wanted
    assert encoding.length(one) == min(count, 6)


@pytest.mark.parametrize("stride", [1, 2, 5, 6])
def test_windows_of_what_is_asked(stride):
    encoding = ReaderEncoding(ENCODING.words, ENCODING.characters, max_length=6, stride=stride)
    texts = [counted(count, 0, 0).passage for count in (3, 6, 7, 20, 12, 1)]
    windows = encoding.asked([Asked(text, "Which t2?") for text in texts])
    assert (windows.batch.starts == -1).all()
    assert (windows.batch.ends == -1).all()
    rows = windows.rows.tolist()
    assert rows == sorted(rows)
    for number, text in enumerate(texts):
        own = [row for row, question in enumerate(rows) if question == number]
        offsets = windows.offsets[own].tolist()
        assert offsets[0] == 0
        assert all(after - before == stride for before, after in pairwise(offsets))
        words = text.split()
        assert windows.tokens[number] == ENCODING.tokens(text)
        ends = []
        for row, offset in zip(own, offsets, strict=True):
            some = words[offset : offset + 6]
            assert windows.batch.passage_lengths[row] == len(some)
            assert windows.batch.passage[row, : len(some)].tolist() == [
                word(encoding, w) for w in some
            ]
            assert windows.batch.shared[row, : len(some)].tolist() == [w == "t2" for w in some]
            ends.append(offset + len(some))
        assert ends[-1] == len(words)
        assert all(end < len(words) for end in ends[:-1]), "a window more than is needed"


def test_what_cannot_be_read():
    encoding = ReaderEncoding(ENCODING.words, ENCODING.characters, max_length=6, stride=None)
    long = counted(7, 0, 0)
    for ask in (
        lambda: encoding.check(long.passage),
        lambda: encoding.asked([Asked(long.passage, "?")]),
        lambda: encoding.batch([long]),
        lambda: encoding.length(long),
    ):
        with pytest.raises(DataError, match="a passage of 7 tokens, and 6 are read at once"):
            ask()
    encoding.check(counted(6, 0, 0).passage)
    for asked, what in ((Asked(" \n", "?"), "passage"), (Asked("a", " "), "question")):
        with pytest.raises(DataError, match=f"the {what} is empty"):
            ENCODING.asked([asked])
    with pytest.raises(DataError, match="the answer, characters 1 to 2, has no word"):
        ENCODING.batch([Question("a b", "?", (Span(1, 2),))])


def test_stored_and_read_again():
    again = ReaderEncoding.from_json(ENCODING.to_json())
    assert again == ENCODING
    assert again.vectors is None
    for other in (again, copy.deepcopy(ENCODING), pickle.loads(pickle.dumps(ENCODING))):
        for one, two in zip(other.batch(TRAIN[:3]), ENCODING.batch(TRAIN[:3]), strict=True):
            assert torch.equal(one, two)
    whole = ENCODING.to_json()
    for change in ({"stride": 500}, {"buckets": 0}, {"words": 3}, {"max_length": "many"}):
        with pytest.raises(DataError):
            ReaderEncoding.from_json(whole | change)
    with pytest.raises(DataError, match="no words, characters and lengths of a reader"):
        ReaderEncoding.from_json({})


def test_what_is_remembered_is_forgotten_in_time(monkeypatch):
    encoding = ReaderEncoding.from_json(ENCODING.to_json())
    expected = [ENCODING.batch([one]) for one in TRAIN]
    monkeypatch.setattr(questions_words, "TOKENS", 300)
    for _ in range(2):
        for one, wanted in zip(TRAIN, expected, strict=True):
            assert encoding.length(one) == wanted.passage_lengths
            assert all(map(torch.equal, encoding.batch([one]), wanted))
    assert len(encoding._seen._texts) <= 8
    monkeypatch.setattr(questions_words, "WORDS", 10)
    assert all(map(torch.equal, encoding.batch(TRAIN[:1]), expected[0]))
    assert len(encoding._seen._texts) == 2


VECTORS = """cat 1 2 3
Ann 4 5 6
THE 7 8 9
the 10 11 12
zebra -1 0 1e-3
at home 13 14 15
yak 0 0 0
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", VECTORS),
        ("a.vec", "7 3\n" + VECTORS.replace("\n", " \n")),
        ("a.txt.gz", VECTORS.replace(" ", "\t").replace("at\thome", "at home")),
    ],
)
def test_vectors_of_a_file(tmp_path, name, content):
    path = tmp_path / name
    raw = content.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)

    def made(**options):
        config = QuestionsConfig(min_count=3, vectors_file=str(path), **options)
        return ReaderEncoding.of([CAT] * 5, config)

    encoding = made()
    # First words of the training part, rare ones too if the file has them; then the file's others.
    assert encoding.words.tokens[4:] == (
        "cat", "ran", "?", "which", "ann", "the", "zebra", "at home", "yak",
    )  # fmt: skip
    assert encoding.vectors is not None
    assert encoding.vectors.shape == (len(encoding.words), 3)
    rows = dict(zip(encoding.words.tokens, encoding.vectors.tolist(), strict=True))
    assert rows["cat"] == [1, 2, 3]
    assert rows["the"] == [7, 8, 9]  # the first of those that are one word here
    assert rows["zebra"] == pytest.approx([-1, 0, 1e-3])
    for missing in (*SPECIAL, "?", "ran", "which"):
        assert torch.tensor(rows[missing]).isnan().all()
    assert made(vocabulary=6).words.tokens[4:] == encoding.words.tokens[4:10]
    assert made(vocabulary=6).vectors.shape == (10, 3)
    cased = made(lower_case=False)
    assert cased.words.tokens[8:] == ("Ann", "the", "THE", "zebra", "at home", "yak")
    assert cased.vectors[9].tolist() == [10, 11, 12]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": the file is empty; expected word vectors"),
        ("cat 1 2\nthe 3\n", ":2: expected a word and 2 numbers, and the line has 2 parts"),
        ("cat\n", ":1: expected a word and its numbers, and the line has 1 parts"),
        ("2 2\ncat 1\n", ":2: expected a word and 2 numbers"),
        ("cat 1 x\n", ":1: expected numbers behind the word: .*'x'"),
        ("cat 1 nan\n", ":1: a number that is not finite"),
        ("cat 1 1e39\n", ":1: a number that is not finite"),
    ],
)
def test_a_file_of_vectors_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "a.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=f"a.txt{message}"):
        ReaderEncoding.of([CAT], QuestionsConfig(vectors_file=str(path)))
