"""Files of captions: every format gives the same examples, and what is broken is named."""

import gzip
import io
import json
import os
import pickle
import re
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.data import captions_pixels, images
from regard.data.captioned import CaptionsConfig
from regard.data.captions import load, read
from regard.data.captions_pixels import Pixels
from regard.data.problems import HINT
from regard.errors import DataError, RangeError

COLORS = {f"{name}.png": (20 * i, 255 - 20 * i, 7) for i, name in enumerate("abcdefghij")}
PAIRS = [(name, f"The {word} of {name}.") for name in COLORS for word in ("back", "front")]
CONFIG = CaptionsConfig(size=8)
SKIP = CaptionsConfig(size=8, on_error="skip")


@pytest.fixture
def folder(tmp_path):
    """Ten images of one colour each, of 20 × 10 pixels."""
    for name, color in COLORS.items():
        Image.new("RGB", (20, 10), color).save(tmp_path / name)
    return tmp_path


def written(folder, name, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def tsv(pairs):
    return "".join(f"{image}\t{caption}\n" for image, caption in pairs)


def pairs_of(rows):
    return [(example.image.name, example.caption) for example in rows]


def grouped():
    return {name: [caption for other, caption in PAIRS if other == name] for name in COLORS}


FORMS = {
    "a.tsv": tsv(PAIRS),
    "header.tab": "\ufeffImage\tcaption\r\n" + tsv(PAIRS).replace("\n", "\r\n"),
    "spaces.tsv": "\n".join(
        f" {image} \t {caption.replace(' ', '  ')}\n" for image, caption in PAIRS
    ),
    "one.json": [{"image": image, "caption": caption, "more": 1} for image, caption in PAIRS],
    "several.json": [{"file": image, "captions": texts} for image, texts in grouped().items()],
    "lines.jsonl": "".join(
        json.dumps({"file_name": image, "captions": texts}) + "\n\n"
        for image, texts in grouped().items()
    ),
    "lines.json": "".join(json.dumps({"image": a, "caption": b}) + "\n" for a, b in PAIRS),
    "mapping.json": grouped(),
    "coco.json": {
        "info": {},
        "images": [{"id": 7 * i, "file_name": name} for i, name in enumerate(COLORS)],
        "annotations": [
            {"id": i, "image_id": 7 * list(COLORS).index(image), "caption": caption}
            for i, (image, caption) in enumerate(PAIRS)
        ],
    },
}


@pytest.mark.parametrize("name", FORMS)
def test_every_format_gives_the_same_examples(folder, name):
    path = written(folder, name, FORMS[name])
    packed = Path(f"{path}.gz")
    packed.write_bytes(gzip.compress(Path(path).read_bytes()))
    for rows in (read([path], CONFIG), read([str(packed)], CONFIG)):
        assert pairs_of(rows) == PAIRS
        assert not rows.notes
        for example in rows:
            assert example.image.pixels.shape == (8, 8, 3)
            assert (example.image.pixels == COLORS[example.image.name]).all()
            assert example.image.key == images.key(example.image.pixels)
            assert example.boxes == ()
        assert pairs_of(rows.take(np.array([3, 0]))) == [PAIRS[3], PAIRS[0]]
        assert pairs_of(rows[-2:]) == PAIRS[-2:]


def test_one_mapped_caption_and_one_line_of_json(folder):
    path = written(folder, "a.json", {"a.png": "one", "b.png": ["two"]})
    assert pairs_of(read([path], CONFIG)) == [("a.png", "one"), ("b.png", "two")]
    path = written(folder, "b.json", {"image": "a.png", "caption": "one"})
    assert pairs_of(read([path], CONFIG)) == [("a.png", "one")]


def test_where_images_lie(folder, tmp_path_factory, monkeypatch):
    path = written(tmp_path_factory.mktemp("other"), "a.tsv", tsv(PAIRS))
    with pytest.raises(DataError, match=r"a.tsv:1: .*a.png: no such file"):
        read([path], CONFIG)
    there = CaptionsConfig(images=str(folder))
    rows = read([path], there)
    assert pairs_of(rows) == PAIRS
    assert rows[0].image.pixels.shape == (128, 128, 3)
    whole = [(str(folder / image), caption) for image, caption in PAIRS]
    assert pairs_of(read([written(folder, "b.tsv", tsv(whole))], CONFIG)) == whole
    with pytest.raises(DataError, match=r"^nowhere: no such folder \(data.images\)"):
        read([path], CaptionsConfig(images="nowhere"))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(tsv(PAIRS).encode())))
    assert pairs_of(read(["-"], CONFIG)) == PAIRS


def test_parts(folder):
    for name in ("a.png", "b.png", "c.png"):
        (folder / f"again-{name}").write_bytes((folder / name).read_bytes())
    pairs = PAIRS + [(f"again-{name}", "Once more.") for name in ("a.png", "b.png", "c.png")]
    path = written(folder, "a.tsv", tsv(pairs))
    config = CaptionsConfig(size=8, valid=0.2, test=0.3)
    parts = load([path], config)
    keys = [{example.image.key for example in part} for part in parts.parts]
    assert [len(part) for part in keys] == [5, 2, 3]
    assert not any(one & other for one, other in permutations(keys, 2))
    assert sorted(pair for part in parts.parts for pair in pairs_of(part)) == sorted(pairs)
    turned = load([written(folder, "b.tsv", tsv(pairs[::-1]))], config)
    assert [set(pairs_of(part)) for part in turned.parts] == [
        set(pairs_of(part)) for part in parts.parts
    ]
    other = load([path], CaptionsConfig(size=8, valid=0.2, test=0.3, seed=1))
    assert {example.image.key for example in other.test} != keys[2]
    few = load([path], CaptionsConfig(size=8, valid=0.2, test=0.3, limit=4))
    assert len(few.train) == 4
    assert set(pairs_of(few.train)) <= set(pairs_of(parts.train))


def test_grey(folder):
    rows = read([written(folder, "a.tsv", tsv(PAIRS))], CaptionsConfig(size=8, color=False))
    assert rows[0].image.pixels.shape == (8, 8, 1)


def test_too_few_and_shares(folder):
    path = written(folder, "a.tsv", tsv(PAIRS[:4]))
    with pytest.raises(DataError, match=r"a.tsv: 2 different images cannot be split into train"):
        load([path], CONFIG)
    path = written(folder, "a.tsv", tsv(PAIRS))
    with pytest.raises(RangeError, match=r"data.valid and data.test are shares"):
        load([path], CaptionsConfig(size=8, valid=0.6, test=0.6))


def test_images_without_a_caption(folder):
    (folder / "notes.txt").touch()
    parts = load([written(folder, "a.tsv", tsv(PAIRS[:-4]))], CONFIG)
    assert parts.notes == (f"2 images without a caption lie beside those of {folder}/a.tsv",)


BAD_ROWS = [
    ("a.tsv", "b.png only\n", ":2: expected image<TAB>caption, and the row has no tab"),
    ("a.tsv", "b.png\tone\ttwo\n", ":2: expected image<TAB>caption, and the row has 3 columns"),
    ("a.tsv", "b.png\t  \n", ":2: b.png: the caption is empty"),
    ("a.tsv", " \tone\n", ":2: the name of the image is empty"),
    ("a.tsv", "b.png\tone\0\n", ":2: a NUL byte at place 10 of the line"),
    ("a.jsonl", '{"image": "b.png"}\n', ":2: b.png: an image without a caption or captions"),
    ("a.jsonl", '{"caption": "one"}\n', ":2: expected the name of an image as image or file or"),
    ("a.jsonl", '{"image": 7, "caption": "one"}\n', ":2: expected the name .* it is a number"),
    ("a.jsonl", '{"image": "b.png", "captions": []}\n', ":2: b.png: an image without captions"),
    (
        "a.jsonl",
        '{"image": "b.png", "captions": [3]}\n',
        ":2: b.png: expected a caption, .* number",
    ),
    ("a.jsonl", '{"image": "b.png", "caption": {}}\n', ":2: b.png: expected a caption or a list"),
    ("a.jsonl", '{"image": "b\\u0000", "caption": "a"}\n', ":2: the name of .* a NUL character"),
    ("a.jsonl", '{"image": "b", "caption": "\\ud800"}\n', ":2: b: the caption has half a char"),
    ("a.jsonl", '{"image": "b.png",\n', ":2: no JSON: .* at place 19 .expected an object in"),
    ("a.jsonl", "[1]\n", ":2: expected an object, and this is a list"),
    ("a.jsonl", "[" * 100_000 + "\n", ":2: JSON that cannot be read"),
]


@pytest.mark.parametrize(("name", "row", "message"), BAD_ROWS)
def test_a_row_that_cannot_be_read(folder, name, row, message):
    good = [{"image": image, "caption": caption} for image, caption in PAIRS]
    lines = [json.dumps(pair) + "\n" for pair in good]
    if name == "a.tsv":
        lines = [tsv([pair]) for pair in PAIRS]
    path = written(folder, name, "".join([lines[0], row, *lines[1:]]))
    with pytest.raises(DataError) as caught:
        read([path], CONFIG)
    assert re.match(re.escape(path) + message, str(caught.value)), caught.value
    rows = read([path], SKIP)
    assert pairs_of(rows) == PAIRS
    assert rows.notes == (
        f"{path}: left out, for they cannot be read: 1 row",
        f"left out: {str(caught.value).removesuffix(HINT)}",
    )
    assert rows.left_out == (rows.notes[1].removeprefix("left out: "),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"image": "a.png", "caption": "one"}, 3], ": object 2: expected an object, and this is"),
        ([{"image": "a.png", "caption": "one"}, {"image": "b.png"}], ": object 2: b.png: an image"),
        ({"a.png": "one", "b.png": 3}, ": b.png: expected a caption or a list of them, and it is"),
        ({"a.png": "one", "b.png": " "}, ": b.png: the caption is empty"),
        (
            {
                "images": [{"id": 1, "file_name": "a.png"}],
                "annotations": [{"image_id": 1, "caption": "one"}, {"image_id": 2, "caption": ""}],
            },
            ": annotation 2: no image has the id 2",
        ),
        (
            {
                "images": [{"id": 1, "file_name": "a.png"}, {"id": []}],
                "annotations": [{"image_id": 1, "caption": "one"}],
            },
            ": image 2: expected an object with an id and a file_name",
        ),
        (
            {
                "images": [{"id": 1, "file_name": "a.png"}],
                "annotations": [{"image_id": 1, "caption": "one"}, {"image_id": [], "caption": ""}],
            },
            ": annotation 2: expected an object with an image_id and a caption",
        ),
    ],
)
def test_an_entry_that_cannot_be_read(folder, content, message):
    path = written(folder, "a.json", content)
    with pytest.raises(DataError) as caught:
        read([path], CONFIG)
    assert str(caught.value).startswith(path + message)
    assert pairs_of(read([path], SKIP)) == [("a.png", "one")]


def test_images_that_cannot_be_read(folder):
    noise = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    Image.fromarray(noise).save(folder / "half.png")
    half = (folder / "half.png").read_bytes()[:200]
    for name, content in (("zero.png", b""), ("half.png", half), ("words.png", b"words")):
        (folder / name).write_bytes(content)
    Image.new("L", (1, 1)).save(folder / "dot.png")
    (folder / "folder.png").mkdir()
    bad = ["zero.png", "half.png", "dot.png", "none.png", "words.png", "folder.png"]
    pairs = [pair for name in bad for pair in [(name, "One."), (name, "Two."), PAIRS[0]]]
    path = written(folder, "a.tsv", tsv([*pairs, *PAIRS[1:]]))
    reasons = [
        f":1: {folder}/zero.png: an empty file (0 bytes): expected an image",
        f":4: {folder}/half.png: a broken image, or not all of one: ",
        f":7: {folder}/dot.png: an image of 1 × 1 pixels: expected at least 8 to a side",
        f":10: {folder}/none.png: no such file",
        f":13: {folder}/words.png: no image, or of a format that Pillow does not read",
    ]
    for at in range(6):
        rest = written(folder, "rest.tsv", "\n" * at * 3 + tsv([*pairs[at * 3 :], *PAIRS[1:]]))
        with pytest.raises(DataError) as caught:
            read([rest], CONFIG)
        expected = [*reasons, f":16: {folder}/folder.png: a folder: expected an image"][at]
        assert str(caught.value).startswith(rest + expected)
    parts = load([path], SKIP)
    found = sorted(pair for part in parts.parts for pair in pairs_of(part))
    assert found == sorted([PAIRS[0]] * 6 + PAIRS[1:])
    summary, *first, more = parts.notes
    assert summary == f"{path}: left out, for they cannot be read: 6 images with 12 captions"
    assert all(
        one.startswith(f"left out: {path}{reason}")
        for one, reason in zip(first, reasons, strict=True)
    )
    assert more == "left out: 1 more (left_out.txt of a run has all)"
    assert len(parts.left_out) == 6
    assert parts.left_out[-1].startswith(f"{path}:16: {folder}/folder.png: a folder")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "", ": the file is empty; expected images and their captions"),
        ("a.json", "", ":1: no JSON: Expecting value at place 1"),
        ("a.json", '[{"image": "a.png",\n"caption" "one"}]', ":2: no JSON: Expecting .* place 11"),
        ("a.json", "[]", ": the file is empty"),
        ("a.json", "3", ": expected a list of objects, .* and the file has a number"),
        ("a.json", "[" * 100_000, ": JSON that cannot be read"),
        ("a.csv", "a.png,one\n", ": the name of the file does not say its format"),
        ("a.tsv", "x\n" * 9, ": nothing in it can be read; first, .*a.tsv:1: expected image<TAB>"),
        ("a.tsv", "none.png\tone\n", ": nothing in it can be read; first, .*none.png: no such"),
    ],
)
def test_files_of_which_nothing_is_left(folder, name, content, message):
    path = written(folder, name, content)
    with pytest.raises(DataError) as caught:
        read([path], SKIP)
    assert re.match(re.escape(path) + message, str(caught.value)), caught.value


def test_what_is_no_text(folder):
    path = folder / "a.json"
    path.write_bytes(b'["a",\n"\xff"]')
    with pytest.raises(DataError, match=r"a.json:2: not UTF-8: byte 0xff"):
        read([str(path)], CONFIG)
    packed = folder / "a.json.gz"
    packed.write_bytes(gzip.compress(b"[]")[:-4])
    with pytest.raises(DataError, match=r"a.json.gz: not a whole gzip file"):
        read([str(packed)], CONFIG)
    with pytest.raises(DataError, match=r": Is a directory"):
        read([str(folder)], CONFIG)


def test_stored_pixels():
    store = Pixels((3, 2, 1))
    made = [np.full((3, 2, 1), i, np.uint8) for i in range(5)]
    assert [store.add(pixels) for pixels in made] == [0, 1, 2, 3, 4]
    assert all((store.read(i) == made[i]).all() for i in (4, 0, 3))
    store.add(np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(3, 2, 1)))
    assert store.read(5).ravel().tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(TypeError):
        pickle.dumps(store)


def test_no_room_for_pixels(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    path = written(folder, "a.tsv", tsv(PAIRS))
    monkeypatch.setattr(captions_pixels.tempfile, "TemporaryFile", full)
    with pytest.raises(DataError, match="decoded images cannot be stored in .*: No space left"):
        read([path], SKIP)


REAL = Path(os.environ.get("REGARD_DATA", "-"), "coco_captions", "captions.json")


@pytest.mark.skipif(not REAL.exists(), reason="REGARD_DATA has no coco_captions")
def test_real_photographs():
    parts = load([str(REAL)], CaptionsConfig(size=32))
    assert [len(part) for part in parts.parts] == [570, 70, 70]
    assert parts.notes == ()
    assert parts.train[0].image.pixels.std() > 10
