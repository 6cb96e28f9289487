"""The queue: its limit, its batches, its patience, and who is no longer waited for."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from regard.serve.answers import answer
from regard.serve.limits import Limits
from tests.serve.asking import serving, until
from tests.serve.systems import runs, served


class Slowly:
    """The real work, held up until it is let go; which texts it was given together."""

    def __init__(self):
        self.go, self.began, self.batches = threading.Event(), threading.Event(), []

    def __call__(self, jobs):
        self.batches.append([job.asked.given["text"] for job in jobs])
        self.began.set()
        assert self.go.wait(30)
        answer(jobs)


@contextmanager
def slowly(grace=10, **limits):
    """A client of a server that is at work on the text "first" until it is let go."""
    work = Slowly()
    with (
        serving(runs("translator"), Limits(**limits), work=work, grace=grace) as ask,
        ThreadPoolExecutor(32) as pool,
    ):
        try:
            first = pool.submit(ask.post, {"text": "first"})
            assert work.began.wait(10)
            yield work, ask, pool, first
        finally:
            work.go.set()


def test_who_comes_to_a_full_queue_is_told_when_to_come_again():
    with slowly(queue=2, batch=1) as (work, ask, pool, first):
        others = [pool.submit(ask.post, {"text": text}) for text in "ab"]
        until(lambda: ask.desk.waiting == 2)
        for _ in range(2):
            refused = ask.post({"text": "late"})
            assert refused.status == 429
            assert refused.error == (
                "3 requests are being answered or wait already: come again later"
            )
            assert int(refused.headers["retry-after"]) >= 1
        assert ask("/health").json["queue"] == 2
        work.go.set()
        assert [each.result().status for each in (first, *others)] == [200] * 3
        assert ask.post({"text": "late"}).status == 200
    assert work.batches == [["first"], ["a"], ["b"], ["late"]]


def test_those_who_wait_are_answered_together_as_they_would_be_alone():
    texts = ["a", "bcd", "fade" * 3, "e", "bead", "f"]
    with slowly(batch=4) as (work, ask, pool, _):
        asked = []
        for text in texts:
            asked.append(pool.submit(ask.post, {"text": text}))
            until(lambda: ask.desk.waiting == len(asked))
        other = pool.submit(ask.post, {"text": "b", "options": {"beam": 2}})
        until(lambda: ask.desk.waiting == len(asked) + 1)
        work.go.set()
        found = [each.result().json["line"] for each in asked]
        assert other.result().status == 200
    assert work.batches == [["first"], texts[:4], texts[4:], ["b"]]
    trained = served("translator").trained
    assert found == [trained.predict([text])[0].line for text in texts]


def test_one_bad_question_fails_none_of_its_neighbours(monkeypatch, capsys):
    trained = served("translator").trained
    predict = type(trained).predict

    def fails_at_x(self, questions, search=None):
        if "x" in questions:
            raise ZeroDivisionError("of x")
        return predict(self, questions, search)

    monkeypatch.setattr(type(trained), "predict", fails_at_x)
    with slowly() as (work, ask, pool, _):
        asked = [pool.submit(ask.post, {"text": text}) for text in "axb"]
        until(lambda: ask.desk.waiting == 3)
        work.go.set()
        found = {text: each.result() for text, each in zip("axb", asked, strict=True)}
    assert sorted(work.batches[1]) == ["a", "b", "x"]
    assert [found[text].status for text in "axb"] == [200, 500, 200]
    assert found["x"].error == "the model failed at this question; the server's log says why"
    assert "ZeroDivisionError: of x" in capsys.readouterr().err


def test_what_takes_too_long_is_told_so_and_not_begun():
    with slowly(timeout=1.0) as (work, ask, _, first):
        began = time.monotonic()
        refused = ask.post({"text": "second"})
        assert 1.0 <= time.monotonic() - began < 5
        assert (refused.status, "too long" in refused.error) == (504, True)
        assert first.result().status == 504
        until(lambda: ask.desk.waiting == 0)  # which is so a moment after the answer
        work.go.set()
        assert ask.post({"text": "third"}).status == 200
    assert work.batches == [["first"], ["third"]]


def test_who_has_left_is_not_answered():
    with slowly() as (work, ask, _, first):
        body = json.dumps({"text": "left"})
        with socket.create_connection(("127.0.0.1", ask.port)) as line:
            line.sendall(
                f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
                f"Content-Type: application/json\r\n\r\n{body}".encode()
            )
            until(lambda: ask.desk.waiting == 1)
        until(lambda: ask.desk.waiting == 0)
        work.go.set()
        assert first.result().status == 200
    assert work.batches == [["first"]]


def test_a_body_that_does_not_come_is_not_waited_for():
    with serving(runs("translator"), Limits(timeout=1.0)) as ask:
        head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
        with socket.create_connection(("127.0.0.1", ask.port), timeout=10) as line:
            line.sendall(head + b"Content-Type: application/json\r\n\r\n{")
            assert line.recv(1_000).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection(("127.0.0.1", ask.port), timeout=10) as line:
            line.sendall(head + b"Content-Type: application/json\r\n\r\n{")
        assert ask.post({"text": "abc"}).status == 200


def test_who_waits_when_the_server_has_to_end_is_told_so():
    with slowly(grace=1) as (work, ask, pool, first):
        second = pool.submit(ask.post, {"text": "second"})
        until(lambda: ask.desk.waiting == 1)
        ask.server.should_exit = True
        for response in (first.result(), second.result()):
            assert (response.status, response.error) == (503, "the server is stopping")
        until(lambda: ask.desk.waiting == 0)
    assert work.batches == [["first"]]


def test_the_page_is_there_while_the_model_works():
    with slowly() as (_, ask, _, first):
        began = time.monotonic()
        for path in ("/", "/health", "/api/runs"):
            assert ask(path).status == 200
        assert time.monotonic() - began < 2
        assert not first.done()


@pytest.mark.parametrize("wrong", [{"queue": 0}, {"timeout": 0.0}, {"timeout": float("nan")}])
def test_limits_that_let_nobody_in_are_refused(wrong):
    with pytest.raises(ValueError, match=f"--{next(iter(wrong))} is"):
        Limits(**wrong)
