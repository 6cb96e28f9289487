"""From what is asked to the bytes of an answer, several as one batch."""

import json
import sys
import traceback
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from regard.errors import RegardError
from regard.runs.shown import panels
from regard.runs.stream import batches
from regard.runs.system import Answer
from regard.serve.asked import Asked
from regard.serve.desk import Job
from regard.serve.refusals import Refusal
from regard.view.attended import Attended

TOKENS = 4096
"""Tokens of a batch: those of its longest question times its questions."""

WEIGHTS = 2**22
"""Weights of a panel up to which all are sent; of more, the largest ``TOP`` of each query."""

TOP = 32

Question = tuple[Job[Asked], Any]
"""A job, and what it asks of the model."""


@torch.inference_mode()
def answer(jobs: list[Job[Asked]]) -> None:
    """Answer jobs that are alike: those of like length as one batch, the short ones first. What is
    wrong with one fails none of the others."""
    trained, search = jobs[0].asked.served.trained, jobs[0].asked.search
    questions: list[Question] = []
    lengths: list[int] = []
    for job in jobs:
        if job.future.cancelled():
            continue
        try:
            question = trained.question_from(job.asked.given, search)
            lengths.append(trained.length(question))
            questions.append((job, question))
        except Exception as error:
            job.fail(_refusal(error))
    for places in reversed([*batches(lengths, TOKENS)]):
        some = [questions[place] for place in places if questions[place][0].begin()]
        if some:
            _answer(some)


def _answer(questions: list[Question]) -> None:
    asked = questions[0][0].asked
    found: list[Any]
    try:
        found = asked.served.trained.predict([question for _, question in questions], asked.search)
    except Exception as error:
        found = [error] * len(questions)
    for (job, question), said in zip(questions, found, strict=True):
        try:
            if isinstance(said, Exception):
                raise said
            job.give(told(job.asked, said))
        except Exception as error:
            if len(questions) > 1:  # one of them, or all together were too much
                _answer([(job, question)])
            else:
                job.fail(_refusal(error))


def told(asked: Asked, said: Answer) -> bytes:
    """The response's JSON."""
    content = {
        "run": asked.served.name,
        "line": said.line,
        "title": said.title,
        "answer": said.as_json(),
        "panels": [cut(panel).payload() for panel in panels(said)[0]] if asked.weights else [],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def cut(panel: Attended) -> Attended:
    """The panel, or of one with very many weights the largest of each query."""
    if panel.indices is not None or panel.weights.size <= WEIGHTS or panel.shape[3] <= TOP:
        return panel
    indices = np.argpartition(panel.weights, -TOP, axis=-1)[..., -TOP:]
    weights = np.take_along_axis(panel.weights, indices, -1)
    return replace(panel, weights=weights, indices=indices)


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, RegardError):
        return Refusal(422, str(error))
    traceback.print_exception(error, file=sys.stderr)
    return Refusal(500, "the model failed at this question; the server's log says why")
