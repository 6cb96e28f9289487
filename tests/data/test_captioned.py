import pytest

from regard.data.captioned import Captioned, CaptionsConfig
from regard.data.captions import BUILTIN, PRESETS, load, read
from regard.data.picture import Box, Picture
from regard.errors import DataError, RangeError


def test_a_box_is_half_open():
    inside = {(y, x) for y in range(6) for x in range(6) if Box(1, 2, 3, 5).holds(y, x)}
    assert inside == {(y, x) for y in (1, 2) for x in (2, 3, 4)}
    assert Box(1, 2, 3, 5).holds(2.9, 4.9)


def test_vocabulary():
    image = Picture("a", "a", lambda: None)
    examples = [Captioned(image, "A dog."), Captioned(image, "a cat, a dog")]
    assert CaptionsConfig().vocabulary_of(examples).tokens[4:6] == ("a", "dog")
    assert len(CaptionsConfig(vocabulary=2).vocabulary_of(examples)) == 6
    assert CaptionsConfig(min_count=2).vocabulary_of(examples).tokens[4:] == ("a", "dog")
    assert "A" in CaptionsConfig(lower_case=False).vocabulary_of(examples).tokens


@pytest.mark.parametrize("name", ["train", "limit", "vocabulary", "min_count"])
def test_refuses_options(name):
    with pytest.raises(RangeError, match=f"data.{name} is at least 1.*: 0"):
        CaptionsConfig(**{name: 0})


@pytest.mark.parametrize("size", [0, 7, 1025])
def test_refuses_sizes(size):
    with pytest.raises(RangeError, match=f"data.size is 8 to 1024 pixels, or null: {size}"):
        CaptionsConfig(size=size)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 64),
        ("color", False),
        ("images", "."),
        ("on_error", "skip"),
        ("valid", 0.1),
        ("test", 0.1),
        ("limit", 5),
    ],
)
def test_options_of_files_are_none_of_digits(name, value):
    with pytest.raises(DataError, match=rf"data.{name} is for files, and digits"):
        load(["digits"], CaptionsConfig(**{name: value}))


def test_sources(tmp_path):
    assert set(PRESETS) == set(BUILTIN) == {"digits"}
    with pytest.raises(DataError, match=r"digit: no such file, .* \(built in: digits\)"):
        load(["digit"], CaptionsConfig())
    with pytest.raises(DataError, match=r"one file of captions or one of digits, and 2 are"):
        load(["a.tsv", "b.tsv"], CaptionsConfig())
    with pytest.raises(DataError, match="digits is built in: it is judged on its own test part"):
        read(["digits"], CaptionsConfig())
    (tmp_path / "a.tsv").touch()
    with pytest.raises(DataError, match="data.train is a number of scenes of digits"):
        load([str(tmp_path / "a.tsv")], CaptionsConfig(train=5))
