"""The picture file: the same bytes each time, a size that follows the alignment, no warnings."""

import logging
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from regard.errors import MissingExtra, UnknownName
from regard.view import Alignment, picture

pytest.importorskip("matplotlib")


def saved(alignment: Alignment, path: Path) -> bytes:
    picture.save(alignment, path)
    return path.read_bytes()


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_the_same_alignment_gives_the_same_bytes(tmp_path):
    one = Alignment("5 mai", "05-", np.eye(3, 5), "A date")
    first = saved(one, tmp_path / "a.png")
    assert first == saved(one, tmp_path / "b.png")
    assert b"matplotlib" not in first


def test_the_size_follows_the_alignment(tmp_path):
    small = size(saved(Alignment("a" * 5, "b" * 4, np.zeros((4, 5))), tmp_path / "a.png"))
    large = size(saved(Alignment("a" * 15, "b" * 24, np.zeros((24, 15))), tmp_path / "b.png"))
    assert abs(large[0] - small[0] - 600) <= 2
    assert abs(large[1] - small[1] - 1200) <= 2


@pytest.mark.parametrize(
    "token", ["日", "\U0001f9ff", "$x_$", "\n", "\ud800", "a\u0301\u0f71", "שלום", "क्ष", ""]
)
def test_any_token_is_drawn_without_a_warning(tmp_path, caplog, token):
    with caplog.at_level(logging.WARNING):
        size(saved(Alignment([token], [token], [[np.nan]], token + "\n"), tmp_path / "a.png"))
    assert not caplog.records


def test_an_empty_alignment_is_a_picture_too(tmp_path):
    assert min(size(saved(Alignment("", "", np.zeros((0, 0))), tmp_path / "a.png"))) > 0


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(UnknownName, match=r"'a\.doc' must end in one of .*\.png"):
        picture.save(Alignment("a", "b", [[1]]), tmp_path / "a.doc")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'regard\[view\]'"):
        picture.save(Alignment("a", "b", [[1]]), tmp_path / "a.png")
