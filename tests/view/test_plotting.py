"""Figures for papers."""

from pathlib import Path

import numpy as np
import pytest

from regard.errors import KindError, RangeError, UnknownName
from regard.view import Alignment, Attended, plot

TOKENS = ["the", "cat", "$x$"]
WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4, 3))


def test_a_heatmap_for_each_layer_and_head_on_one_map_of_colours(tmp_path: Path) -> None:
    seen = Attended(TOKENS, TOKENS, WEIGHTS, title="two layers")
    figure = plot(seen, tmp_path / "all.pdf", heads=[3, 1])
    *maps, bar = figure.axes
    assert len(maps) == 4
    for axes, (layer, head) in zip(maps, [(0, 3), (0, 1), (1, 3), (1, 1)], strict=True):
        (image,) = axes.images
        np.testing.assert_allclose(image.get_array(), WEIGHTS[layer, head], atol=1e-6)
        assert image.get_clim() == (0, pytest.approx(WEIGHTS[:, [1, 3]].max(), abs=1e-6))
    assert [label.get_text() for label in maps[2].get_xticklabels()] == TOKENS
    assert bar.get_yticks().tolist() == pytest.approx([0, WEIGHTS[:, [1, 3]].max()], abs=1e-6)
    file = (tmp_path / "all.pdf").read_bytes()
    assert file.startswith(b"%PDF")
    assert b"/FontType 42" in file or b"/Type0" in file or b"/CIDFontType2" in file


def test_one_heatmap_is_that_of_pictures(tmp_path: Path) -> None:
    alone = Attended(TOKENS, TOKENS, WEIGHTS[0, 0])
    for what in (alone, Alignment(TOKENS, TOKENS, WEIGHTS[0, 0])):
        image = plot(what).axes[0].images[0]
        np.testing.assert_allclose(image.get_array(), WEIGHTS[0, 0], atol=1e-6)
    plot(alone, tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_what_there_is_not() -> None:
    seen = Attended(TOKENS, TOKENS, WEIGHTS)
    with pytest.raises(RangeError, match="head 4 is asked for, and there are 4"):
        plot(seen, heads=[4])
    with pytest.raises(RangeError, match="one layer at least"):
        plot(seen, layers=[])
    with pytest.raises(KindError, match="not a list"):
        plot([[1.0]])  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match=r"must end in one of .*\.pdf"):
        plot(seen, "figure.txt")
