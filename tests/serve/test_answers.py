"""Every system answers by HTTP what it answers without; what is wrong is told, and to whom."""

import base64
import io
import json
import re
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from regard.runs.system import SYSTEMS, named
from regard.serve.answers import TOP, WEIGHTS, cut
from regard.serve.limits import Limits
from regard.serve.options import MOST, offered
from regard.view.attended import Attended
from tests.serve.asking import serving
from tests.serve.systems import runs, served

SCRIPT = "<img src=x onerror=alert(1)>"


def image(size=(40, 30), form="PNG"):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    kept = io.BytesIO()
    Image.fromarray(noise).save(kept, form)
    return kept.getvalue()


def base64_of(data):
    return base64.b64encode(data).decode()


ASKED = {
    "captioner": {"image": base64_of(image())},
    "classifier": {"text": "Good, bad food!"},
    "draw": {"image": base64_of(image())},
    "language_model": {"text": "to be or", "options": {"max_length": 3}},
    "reader": {"passage": "Ann has a cat. Bob has a dog.", "question": "Who has a cat?"},
    "translator": {"text": "abc", "options": {"beam": 3, "n_best": 2}},
}


@pytest.fixture(scope="module")
def ask():
    with serving(runs()) as client:
        yield client


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_answers_what_it_answers_by_itself(ask, name):
    response = ask.post({"run": name, **ASKED[name]})
    assert response.status == 200, response.body
    found, run = response.json, served(name)
    search = run.system.search(**ASKED[name].get("options", {}))
    given = {n: v for n, v in ASKED[name].items() if n != "options"}
    if "image" in given:
        given["image"] = image()
    (own,) = run.trained.predict([run.trained.question_from(given, search)], search)
    assert found["run"] == name
    assert (found["line"], found["title"]) == (own.line, own.title)
    assert found["answer"] == json.loads(json.dumps(own.as_json()))
    assert found["panels"] == json.loads(json.dumps([p.payload() for p in own.looked()]))
    assert found["panels"]
    without = ask.post({"run": name, **ASKED[name], "weights": False}).json
    assert without == found | {"panels": []}


def test_an_answer_of_no_token_is_an_answer(ask):
    options = {"beam": 16, "length_penalty": 0.0}
    found = ask.post({"run": "translator", "text": "abc", "options": options})
    assert found.status == 200
    assert (found.json["line"], found.json["panels"]) == ("", [])


def test_draw_imagines_where_no_image_is_given(ask):
    found = [ask.post({"run": "draw", "options": {"seed": seed}}).json for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0]["answer"]["drawn"] != found[2]["answer"]["drawn"]


def test_an_image_may_come_as_pages_hold_it(ask):
    plain = ask.post({"run": "captioner", "image": base64_of(image(form="JPEG"))})
    uri = f"data:image/jpeg;base64,{base64_of(image(form='JPEG'))}"
    assert plain.status == 200
    assert ask.post({"run": "captioner", "image": uri}).json == plain.json


def test_a_text_that_is_markup_or_a_path_is_a_text(ask, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("treasure")
    for text in (SCRIPT, str(secret), "/etc/passwd", "..", "\0", "\x1b[2J", "", "☃"):
        response = ask.post({"run": "classifier", "text": text})
        assert (response.status, response.json["answer"]["text"]) == (200, text)
        assert response.headers["content-type"] == "application/json"
        refused = ask.post({"run": "captioner", "image": text})
        assert refused.status == 422
        assert "treasure" not in response.body.decode()
    for name in ("passage", "generate"):
        run = {"passage": "reader", "generate": "draw"}[name]
        refused = ask.post({"run": run, **ASKED[run], "options": {name: str(secret)}})
        assert (refused.status, f"there is no option '{name}'" in refused.error) == (422, True)


def broken(**changes):
    return json.dumps({"run": "translator", "text": "abc", **changes})


WRONG = [
    ("", 400, "not JSON"),
    ("{", 400, "not JSON"),
    (b"\xff\xfe", 400, "UTF-8"),
    ("[" * 100_000, 400, "nested too deeply"),
    ('{"text": ' * 100_000, 400, "nested too deeply"),
    ('{"run": "translator", "text": "a", "text": "b"}', 400, "twice"),
    ('{"options": {"temperature": NaN}}', 400, "NaN"),
    ('{"options": {"beam": ' + "9" * 5_000 + "}}", 400, "too long"),
    ("[]", 422, "expected a JSON object; given a list"),
    ("3", 422, "a number"),
    ('{"text": "abc"}', 422, "run is the name of one of: captioner"),
    (broken(run="no\ud800ne"), 404, "there is no run 'no\\ud800ne'"),
    (broken(run=["translator"]), 422, "run is the name"),
    ('{"run": "translator"}', 422, "the field text is missing"),
    (broken(text=None), 422, "missing"),
    (broken(text=["a"]), 422, "text is a string; given a list"),
    (broken(text="a\ud800"), 422, "surrogate"),
    (broken(text="a" * 4_001), 422, "text has 4,001 characters; at most 4,000"),
    (broken(image="abc"), 422, "there is no field 'image'; there are: text, run"),
    (broken(weights=1), 422, "weights is true or false"),
    (broken(options=[]), 422, "options is an object"),
    (broken(options={"beam": "3"}), 422, "option beam is a whole number"),
    (broken(options={"beam": True}), 422, "option beam is"),
    (broken(options={"beam": 17}), 422, "option beam is at most 16"),
    (broken(options={"beam": 0}), 422, "beam is at least 1"),
    (broken(options={"beam": -(10**4000)}), 422, "at most 16"),
    (broken(options={"n_best": 2}), 422, "n_best is at most beam"),
    (
        broken(options={"sample": True, "temperature": 1e999}).replace("Infinity", "1e999"),
        422,
        "is at most 100",
    ),
    (broken(options={"__class__": 1}), 422, "there is no option"),
    ('{"run": "captioner", "image": "%%%"}', 422, "base64"),
    ('{"run": "captioner", "image": ""}', 422, "the image: empty"),
    (json.dumps({"run": "captioner", "image": base64_of(b"no image")}), 422, "the image: no image"),
    (
        json.dumps({"run": "captioner", "image": base64_of(image()[:900])}),
        422,
        "the image: a broken image",
    ),
    (
        json.dumps({"run": "captioner", "image": base64_of(image((4, 4)))}),
        422,
        "at least 8 to a side",
    ),
    ('{"run": "reader", "passage": " ", "question": "Who?"}', 422, "the passage is empty"),
    ('{"run": "reader", "passage": "Ann.", "question": "?"}', 200, None),
    ('{"run": "reader", "passage": "Ann."}', 422, "the field question is missing"),
]


@pytest.mark.parametrize(("body", "status", "reason"), WRONG)
def test_what_is_wrong_is_told(ask, body, status, reason):
    response = ask.post(body)
    assert response.status == status, response.body
    if reason is not None:
        assert reason in response.error


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(ask):
    bomb = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 20_000
    refused = ask.post({"run": "captioner", "image": base64_of(bomb.getvalue())})
    assert refused.status == 422
    assert "an image of 9,000 × 9,000 pixels: expected 50,000,000 at most" in refused.error


def test_a_body_is_of_one_type_and_size():
    with serving(runs("translator"), Limits(body=1_000)) as ask:
        assert ask.post({"text": "abc"}).status == 200
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            assert ask.post({"text": "abc"}, {"Content-Type": kind}).status == 415
        refused = ask.post({"text": "abc"}, {"Content-Encoding": "gzip"})
        assert (refused.status, "compressed" in refused.error) == (415, True)
        assert ask.post({"text": "abc"}, {"Content-Type": "Application/JSON; x=y"}).status == 200
        for body in (b" " * 1_001, (b" " * 600 for _ in range(2))):  # told, and in chunks
            refused = ask("/api/predict", "POST", body, {"Content-Type": "application/json"})
            assert (refused.status, refused.error) == (413, "the body is larger than 1,000 bytes")
        assert ask("/nowhere").error == "there is nothing at this address"
        refused = ask("/api/predict")
        assert (refused.status, refused.headers["allow"]) == (405, "POST")
        assert refused.error == "this address takes another method"


def test_the_description_names_what_the_server_takes(ask):
    found = ask("/openapi.json").json
    assert found["openapi"] == "3.1.0"
    for path, methods in found["paths"].items():
        assert ask(path, "PATCH").status == 405  # it is there
        assert {"get", "post"} >= set(methods)
    for name in re.findall(r'"#/components/schemas/(.*?)"', json.dumps(found)):
        assert name in found["components"]["schemas"]
    predict = found["paths"]["/api/predict"]["post"]
    asked = predict["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert [one["properties"]["run"]["const"] for one in asked] == [*runs()]
    of_reader = asked[4]
    assert of_reader["required"] == ["passage", "question", "run"]
    assert [*of_reader["properties"]["options"]["properties"]] == ["longest", "n_best"]
    told = {run["name"]: run for run in ask("/api/runs").json}
    assert told["reader"]["fields"] == dict(served("reader").trained.fields)
    assert told["draw"]["optional"] == ["image"]


def test_every_number_of_a_search_is_offered_with_a_limit_and_a_sentence():
    names = set()
    for name in SYSTEMS:
        search = named(name).search
        options = offered(search)
        names |= {option.name for option in options}
        left = {field.name for field in fields(search)} - {option.name for option in options}
        assert left <= {"passage", "generate"}
        assert all(len(option.about) > 10 for option in options)
    assert names >= set(MOST)


def test_of_many_weights_the_largest_are_sent():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(1_100), (4, 1_000)).astype(np.float32)
    seen = Attended([""] * 1_100, [""] * 1_000, weights, title="long")
    assert seen.weights.size > WEIGHTS
    found = cut(seen)
    assert (found.shape, found.weights.shape[-1], found.title) == (seen.shape, TOP, "long")
    np.testing.assert_array_equal(np.sort(found.weights), np.sort(seen.weights)[..., -TOP:])
    np.testing.assert_array_equal(
        np.take_along_axis(seen.weights, found.indices, -1), found.weights
    )
    small = Attended("ab", "c", [[0.5, 0.5]])
    assert cut(small) is small
