"""The set ``squad``: whole articles are judged on, and whole passages are chosen by."""

import gzip
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from regard.data import download
from regard.data.questions import QuestionsConfig
from regard.data.questions_batch import ReaderEncoding
from regard.data.questions_files import load
from regard.errors import DataError


def made(articles, paragraphs):
    data = []
    for i in range(articles):
        data.append({"title": f"A{i}", "paragraphs": []})
        for j in range(paragraphs):
            answers = [{"text": "is", "answer_start": len(f"A{i} P{j} ")}]
            qas = [{"id": f"{i} {j} {k}", "question": f"Q{k}?", "answers": answers} for k in "ab"]
            data[-1]["paragraphs"].append({"context": f"A{i} P{j} is it.", "qas": qas})
    return {"version": "1.1", "data": data}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    content = json.dumps(made(10, 5)).encode()
    wanted = download.SETS["squad"]
    (member,) = wanted.local
    local = member._replace(sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(download, "SETS", {"squad": wanted._replace(local=(local,))})
    monkeypatch.setenv("REGARD_DATA", str(tmp_path))
    (tmp_path / "squad").mkdir()
    path = tmp_path / "squad" / member.name
    path.write_bytes(gzip.compress(content))
    return path


def test_parts(folder):
    parts = load(["squad"], QuestionsConfig())
    # A fifth of ten articles of five passages; of the forty others a tenth.
    assert [len(part) for part in parts.parts] == [72, 8, 20]
    articles = [{one.passage.split()[0] for one in part} for part in parts.parts]
    passages = [{one.passage for one in part} for part in parts.parts]
    assert len(articles[2]) == 2
    assert not articles[2] & (articles[0] | articles[1])
    assert not passages[0] & passages[1]
    assert [len(part) for part in passages] == [36, 4, 10]
    assert parts.notes == (
        "squad: 2 of 10 articles are judged on, and nothing of them is learned from; of the 40 "
        "passages of the others, 4 are for choosing among states of the model",
    )
    other = load(["squad"], QuestionsConfig(seed=1))
    assert {one.name for one in other.test} != {one.name for one in parts.test}
    few = load(["squad"], QuestionsConfig(limit=5))
    assert len(few.train) == 5
    assert list(few.test) == list(parts.test)


def test_another_file_is_refused(folder):
    folder.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(DataError, match="is not the file that is meant"):
        load(["squad"], QuestionsConfig())


REAL = Path(os.environ.get("REGARD_DATA", "-"), "squad", "squad-40-articles.json.gz")


@pytest.mark.skipif(not REAL.exists(), reason="REGARD_DATA has no squad")
def test_real_questions():
    parts = load(["squad"], QuestionsConfig())
    assert [len(part) for part in parts.parts] == [6661, 783, 1792]
    assert parts.left_out == ()
    truth = Counter()
    encoding = ReaderEncoding.of(parts.train[:2000], QuestionsConfig())
    for one in parts.test[:400]:
        start, end = (int(place) for place in encoding.batch([one])[-2:])
        tokens = encoding.tokens(one.passage)
        found = one.passage[tokens[start][1] : tokens[end][2]]
        truth[found == one.passage[slice(*one.truth)]] += 1
    assert truth[False] <= 8
    # No passage is refused but where there are no windows.
    with pytest.raises(
        DataError, match=r'article 5 "Packet_switching", paragraph 8, .* 660 tokens, and 400'
    ):
        load(["squad"], QuestionsConfig(stride=None))
