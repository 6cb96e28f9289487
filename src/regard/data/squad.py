"""The data set ``squad``: questions about articles of Wikipedia, split by article."""

from typing import Final

from regard.data.download import fetch
from regard.data.questions import Question, QuestionsConfig
from regard.data.questions_read import read
from regard.data.splits import Splits, limited, split

TEST: Final = 0.2
"""Share of the articles that are judged on."""

VALID: Final = 0.1
"""Share of the other articles' passages to choose by."""


def squad(config: QuestionsConfig) -> Splits[Question]:
    """SQuAD v1.1's development set, of whose articles a fifth is the test part.

    No passage of these articles is learned from, or chosen by. Of the other articles, a tenth of
    the passages is the validation part, with all their questions. ``config.seed`` draws both.

    Raises:
        DataError: the file cannot be downloaded, or is not the one that is meant; or a passage is
            longer than ``config.max_length``, where there are no windows.
        MissingExtra: pooch is not installed, and REGARD_DATA has no SQuAD.

    Source:  Rajpurkar, Zhang, Lopyrev and Liang 2016 (arXiv:1606.05250)
    Departs: the parts are of the development set alone, a tenth of the size of the training set; so
             scores are not those of the paper's test set

    Cost: 1 second, 20 MB; downloaded once, 4.9 MB.
    """
    (path,) = fetch("squad")
    rows = read(str(path), config)
    keys = rows.keys()
    judged = split(range(len(rows)), keys.__getitem__, None, TEST, config.seed)
    parts = split(judged.train, lambda row: rows[row].passage, VALID, None, config.seed)
    train = limited(parts.train, lambda row: _text(rows[row]), config.limit, config.seed)
    tested = len({keys[row] for row in judged.test})
    passages = [len({rows[row].passage for row in part}) for part in (parts.train, parts.valid)]
    note = (
        f"squad: {tested} of {len(set(keys))} articles are judged on, and nothing of them is "
        f"learned from; of the {sum(passages):,} passages of the others, {passages[1]:,} are for "
        "choosing among states of the model"
    )
    return Splits(
        rows.take(train),
        rows.take(parts.valid),
        rows.take(judged.test),
        notes=(*rows.notes, note),
        left_out=rows.left_out,
    )


def _text(question: Question) -> str:
    return f"{question.passage}\t{question.question}"
