"""MNIST: files that are what they say, drawn once into black and white."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from regard.data.mnist import drawn, images, mnist
from regard.errors import DataError

HERE = Path(os.environ.get("REGARD_DATA", ""), "mnist").is_dir() and "REGARD_DATA" in os.environ


def packed(path, *numbers, pixels=b""):
    path.write_bytes(gzip.compress(struct.pack(f">{len(numbers)}I", *numbers) + pixels))
    return path


def test_an_idx_file(tmp_path):
    path = packed(tmp_path / "a.gz", 2051, 2, 1, 3, pixels=bytes(range(6)))
    assert images(path).tolist() == [[[0, 1, 2]], [[3, 4, 5]]]


@pytest.mark.parametrize(
    ("numbers", "pixels", "message"),
    [
        ((2049, 2, 1, 3), bytes(6), "it begins with 2049, not 2051"),
        ((2051, 2, 1, 3), bytes(5), "2 images of 1×3 pixels are 6 bytes, and there are 5"),
        ((2051, 2, 1, 3), bytes(7), "and there are 7"),
        ((2051,), b"", "4 bytes are no IDX file"),
    ],
)
def test_what_is_no_such_file(tmp_path, numbers, pixels, message):
    path = packed(tmp_path / "a.gz", *numbers, pixels=pixels)
    with pytest.raises(DataError, match=f"a.gz: .*{message}"):
        images(path)


def test_what_is_no_gzip_file(tmp_path):
    path = packed(tmp_path / "a.gz", 2051, 1, 8, 8, pixels=bytes(range(64)))
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"a.gz: not a whole .gz file"):
        images(path)
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"a.gz: not a whole .gz file"):
        images(path)
    with pytest.raises(DataError, match="none.gz: No such file"):
        images(tmp_path / "none.gz")


def test_a_pixel_is_white_as_often_as_its_grey_says():
    greys = np.array([0, 51, 128, 255], np.uint8)[None, :, None].repeat(20_000, 2)
    found = drawn(greys, seed=0)
    assert set(np.unique(found)) == {0, 255}
    shares = (found > 0).mean((0, 2))
    assert shares == pytest.approx([0, 0.2, 128 / 255, 1], abs=0.015)
    assert (found == drawn(greys, seed=0)).all()
    assert (found != drawn(greys, seed=1)).any()
    both = found[0, 1] > 0, found[0, 2] > 0
    assert abs(np.corrcoef(*both)[0, 1]) < 0.03


@pytest.mark.skipif(not HERE, reason="needs the files of MNIST in REGARD_DATA")
def test_mnist_itself():
    splits = mnist()
    assert [len(part) for part in splits.parts] == [50_000, 10_000, 10_000]
    assert splits.valid[0].image.key == "MNIST train image 50000"
    assert splits.valid[-1].image.key == "MNIST train image 59999"
    assert splits.test[3].image.pixels.shape == (28, 28, 1)
    assert [each.image.key for each in mnist(limit=2).train] == [
        "MNIST train image 0",
        "MNIST train image 1",
    ]
    white = np.mean([example.image.pixels.mean() / 255 for example in splits.test[:1000]])
    assert 0.12 < white < 0.14
