"""A trained DRAW answers and is judged; folders of images; from the command line to a report."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from regard import cli
from regard.data import images, seen_files
from regard.data.picture import Box
from regard.data.placed import Placed
from regard.data.seen import SeenConfig
from regard.data.seen_batch import SeenEncoding
from regard.errors import DataError, RangeError
from regard.runs.drawing import Dream, Options
from regard.runs.drawing_scores import MEANING, on
from regard.runs.system import named
from regard.systems.draw import Config, Places, reconstruction

SYSTEM = named("draw")
TEST = Placed("test", 5, size=18)
SMALL = {"steps": 3, "hidden": 6, "latent": 2}


def trained(**options):
    """Not trained at all, but spread so far that images differ."""
    torch.manual_seed(0)
    config = Config(**(SMALL | options))
    model = SYSTEM.build(config, SeenEncoding.of(TEST))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return SYSTEM.trained(model, SeenEncoding.of(TEST))


@pytest.fixture
def folder(tmp_path):
    """Twelve images, two of them the same."""
    for place, example in enumerate(Placed("train", 11, size=18)):
        Image.fromarray(example.image.pixels[..., 0]).save(tmp_path / f"{place:02}.png")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "same.PNG").write_bytes((tmp_path / "00.png").read_bytes())
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("attention", [True, False])
def test_answers_do_not_depend_on_company(attention):
    run, options = trained(attention=attention), Options(seed=4)
    asked = [TEST[0].image, Dream(0), TEST[1].image, Dream(1)]
    together = run.predict(asked, options)
    for question, answer in zip(asked, together, strict=True):
        (alone,) = run.predict([question], options)
        np.testing.assert_allclose(alone.walk.canvases, answer.walk.canvases, atol=1e-5)
        assert alone.title == answer.title
    (other,) = run.predict(asked[:1], Options(seed=5))
    assert other.bound != together[0].bound
    assert run.predict([], options) == []
    assert run.own_questions(Options(generate=2)) == [Dream(0), Dream(1)]
    assert not run.own_questions(None)


def test_an_answer_says_what_the_model_says():
    run = trained()
    (answer,) = run.predict([TEST[0].image])
    assert answer.walk.reads.size == 5
    image = torch.tensor(answer.walk.image)[None]
    logits = torch.tensor(answer.walk.canvases[-1:]).logit()
    assert answer.reconstruction == pytest.approx(reconstruction(logits, image).item(), rel=1e-4)
    name, *numbers = answer.line.split("\t")
    assert name == TEST[0].image.name
    assert [float(x) for x in numbers] == pytest.approx(
        [answer.bound, answer.reconstruction, answer.latent, answer.pixels_right], abs=0.01
    )
    told = json.loads(json.dumps(answer.as_json() | answer.weights_as_json()))
    assert np.shape(told["drawn"]) == (18, 18)
    assert len(told["reads"]) == len(told["writes"]) == told["steps"] == 3
    assert told["reads"][1]["x"] == pytest.approx(answer.walk.reads.x[1], abs=1e-3)
    assert "<image" in answer.figure()
    for panel, windows, under in zip(
        answer.looked(),
        (told["reads"], told["writes"]),
        ([answer.walk.image], answer.walk.canvases),
        strict=True,
    ):
        rows = panel.weights[0, 0].reshape(-1, 18, 18).astype(float)
        np.testing.assert_allclose(rows.sum((1, 2)), 1, atol=1e-5)
        assert len(panel.images) == len(under)
        for grid, window in zip(rows, windows, strict=True):
            # A window well within the image has its middle of weight where it stands.
            reach = 3 * window["sigma"] + window["stride"] * 4
            if reach < window["x"] < 19 - reach and reach < window["y"] < 19 - reach:
                middle = np.arange(1, 19) @ grid.sum(0), np.arange(1, 19) @ grid.sum(1)
                assert middle == pytest.approx((window["x"], window["y"]), abs=0.1)
    (dream,) = run.predict([Dream(7)])
    assert "reads" not in dream.weights_as_json()
    assert len(dream.line.split("\n")) == 2 + 9
    (whole,) = trained(attention=False).predict([TEST[0].image])
    assert set(whole.weights_as_json()) == {"image", "steps"}


def test_scores():
    run = trained()
    scores = run.evaluate(TEST, Options(draws=3))
    assert list(scores) == list(MEANING)
    answers = [run.predict([example.image], Options(draws=3))[0] for example in TEST]
    assert scores["images"] == 5
    for name in ("bound", "reconstruction", "latent", "pixels_right"):
        assert scores[name] == pytest.approx(np.mean([getattr(a, name) for a in answers]), rel=1e-4)
    inside = [
        np.mean(
            [
                left <= x - 0.5 <= left + 16 and top <= y - 0.5 <= top + 16
                for x, y in zip(a.walk.reads.x, a.walk.reads.y, strict=True)
            ]
        )
        for a, ((top, left, *_),) in zip(answers, (e.boxes for e in TEST), strict=True)
    ]
    assert scores["reads_on_it"] == pytest.approx(np.mean(inside))
    assert len(run.table(scores)) == 9
    without = trained(attention=False).evaluate([e._replace(boxes=()) for e in TEST])
    assert list(without) == list(MEANING)[:5]
    assert [section.heading for section in run.sections(TEST)] == ["Imagined", "Drawn again"]


def test_a_middle_in_a_box():
    numbers = torch.tensor([[2.0, 5.0], [9.0, 3.5]])
    places = Places(numbers, numbers.flip(1), *[numbers] * 3)
    boxes = [[Box(4, 1, 5, 2)], [Box(0, 0, 1, 1), Box(1, 4, 2, 5)]]
    assert on(places, boxes).tolist() == [[True, True], [False, False]]


def test_a_folder_of_images(folder):
    data = SeenConfig(size=18, seed=3)
    parts = SYSTEM.splits([str(folder)], data)
    assert sorted(len(part) for part in parts.parts)[-1] >= 9
    assert sum(map(len, parts.parts)) == 12
    keys = [{example.image.key for example in part} for part in parts.parts]
    assert sum(map(len, keys)) == 11 == len(set.union(*keys))
    assert parts.notes == ()
    assert len(SYSTEM.splits([str(folder)], SeenConfig(size=18, limit=4)).train) == 4
    encoding = SYSTEM.encoding(parts, data, Config())
    assert SYSTEM.stored(json.loads(json.dumps(encoding.to_json()))) == encoding
    assert encoding[:2] == (18, 18)
    assert encoding.batch(parts.train).images.float().mean() == pytest.approx(
        encoding.white, abs=1e-5
    )
    assert len(SYSTEM.read([str(folder / "00.png"), str(folder / "deeper")], data, encoding)) == 2


def test_files_that_cannot_be_read(folder):
    (folder / "03.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"03.png: no image.*data.on_error skip leaves"):
        SYSTEM.splits([str(folder)], SeenConfig(size=18))
    parts = SYSTEM.splits([str(folder)], SeenConfig(size=18, on_error="skip"))
    assert sum(map(len, parts.parts)) == 11
    summary, one = parts.notes
    assert summary == f"{folder}: left out, for they cannot be read: 1 image"
    assert one.startswith(f"left out: {folder}/03.png: no image")
    read = SYSTEM.read([str(folder)], SeenConfig(on_error="skip"), SeenEncoding(18, 18))
    assert (read.notes, read.left_out) == (parts.notes, parts.left_out)


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        (["none"], {}, "none: no such file or folder, and no built-in .* digits, mnist"),
        (["-"], {}, "not read from standard input"),
        (["."], {"train": 5}, "data.train says nothing of files"),
        (["digits"], {"limit": 5}, "data.limit says nothing of digits: there it takes size"),
        (["mnist"], {"seed": 5}, "data.seed says nothing of mnist"),
    ],
)
def test_what_is_no_data(sources, options, message):
    with pytest.raises(DataError, match=message):
        seen_files.load(sources, SeenConfig(**options))


def test_too_few_and_none(tmp_path):
    with pytest.raises(DataError, match="no images in this folder"):
        seen_files.load([str(tmp_path)], SeenConfig())
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="1 different images cannot be split"):
        seen_files.load([str(tmp_path)], SeenConfig())
    encoding = SeenEncoding(9, 8)
    with pytest.raises(DataError, match=r"a.png: images are 9×8 pixels of grey here.*9×9×1"):
        encoding.pictures([images.picture(str(tmp_path / "a.png"), size=9, color=False)])
    with pytest.raises(DataError, match="digits is built in"):
        seen_files.read(["digits"], SeenConfig(), 9)
    for options in ({"threshold": 0.0}, {"seed": -1}, {"size": 0}):
        with pytest.raises(RangeError, match=f"data.{next(iter(options))}"):
            SeenConfig(**options)


def test_from_the_command_line(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu"]
    small = [f"--model.{name}={value}" for name, value in SMALL.items()]
    size = ["--data.size", "18", "--trainer.max_steps", "3"]
    assert cli.main(["train", "draw", str(folder), "--run", "run", *size, *small, *options]) == 0
    assert "bound of −log p" in capsys.readouterr().out
    assert "Imagined" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert cli.main(["predict", "run", str(folder / "01.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["image"].endswith("01.png")
    assert cli.main(["predict", "run", "--generate", "2"]) == 0
    assert capsys.readouterr().out.count("imagined") == 2
    assert cli.main(["explain", "run", "--generate", "1", "-o", "walk.svg"]) == 0
    assert "imagined 0" in (tmp_path / "walk.svg").read_text(encoding="utf-8")
    assert cli.main(["evaluate", "run", str(folder / "01.png"), "--draws", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.strip().split("\n")[-1])["images"] == 1
    assert cli.main(["predict", "run", "none.png"]) == 2
    assert "none.png: no such file" in capsys.readouterr().err
