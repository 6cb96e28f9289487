"""The file of a ``regard.Memory``: whole or not at all, refused with the reason."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from memory.made import objects, same, vectors
from regard import Memory
from regard.errors import DataError

ABOUT = {"format": "regard.Memory", "version": "1", "rows": "2"}


@pytest.mark.parametrize("make", [Memory, vectors, objects])
def test_save_and_load(make, tmp_path):
    memory, path = make(), tmp_path / "rows.memory"
    memory.save(path)
    loaded = Memory.load(str(path))
    assert same(memory, loaded)
    assert [file.name for file in tmp_path.iterdir()] == ["rows.memory"]
    if len(loaded):
        loaded.add(memory.keys, memory.values)  # what was loaded lives on
        assert len(loaded) == 2 * len(memory)
        path.write_bytes(b"")
        assert torch.equal(loaded.keys[: len(memory)], memory.keys)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(json_values, max_size=4), st.sampled_from(["float16", "bfloat16", "float64"]))
@settings(max_examples=40, deadline=None)
def test_any_json_and_any_dtype_come_back(tmp_path_factory, things, dtype):
    path = tmp_path_factory.mktemp("memory") / "m"
    memory = Memory()
    memory.add(torch.randn(len(things), 2, dtype=getattr(torch, dtype)), things)
    memory.save(path)
    loaded = Memory.load(path)
    assert same(memory, loaded)
    assert loaded.values == things


@pytest.mark.parametrize("make", [vectors, objects])
def test_truncated_anywhere_is_refused_and_untouched(make, tmp_path):
    path = tmp_path / "m"
    make().save(path)
    whole = path.read_bytes()

    @given(st.integers(0, len(whole) - 1))
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def cut(length):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=f"^{path}: no whole safetensors file: "):
            Memory.load(path)
        assert path.read_bytes() == whole[:length]

    cut()
    path.write_bytes(whole + b"more")
    with pytest.raises(DataError, match=f"^{path}: no whole safetensors file: "):
        Memory.load(path)


def lines(text):
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


BROKEN = {
    "foreign": ({"keys": torch.eye(2)}, {"format": "pt"}, "but not of a Memory"),
    "bare": ({"keys": torch.eye(2)}, None, "but not of a Memory"),
    "version": ({}, ABOUT | {"version": "2"}, "a Memory of version 2, and this regard reads 1"),
    "no version": ({}, {"format": "regard.Memory"}, "a Memory of version None"),
    "no values": ({"keys": torch.eye(2)}, ABOUT, "and this one has keys"),
    "no keys": ({"values": torch.eye(2)}, ABOUT, "and this one has values"),
    "both": (
        {"keys": torch.eye(2), "values": torch.eye(2), "objects": lines(b"1\n2")},
        ABOUT,
        "and this one has keys, objects, values",
    ),
    "flat keys": ({"keys": torch.ones(2), "values": torch.eye(2)}, ABOUT, r"float32 \(2,\)"),
    "integers": ({"keys": torch.eye(2).int(), "values": torch.eye(2)}, ABOUT, "int32"),
    "NaN": ({"keys": torch.eye(2) * math.nan, "values": torch.eye(2)}, ABOUT, "keys are finite"),
    "values": ({"keys": torch.eye(2), "values": torch.eye(2) / 0}, ABOUT, "values are finite"),
    "rows": ({"keys": torch.eye(2), "values": torch.eye(3)}, ABOUT, r"and here .* \(3, 3\)"),
    "more": ({"keys": torch.eye(3), "values": torch.eye(3)}, ABOUT, "says 2 rows, and it has 3"),
    "none": ({}, ABOUT, "says 2 rows, and it has 0"),
    "dtype": ({"keys": torch.eye(2), "values": torch.eye(2).double()}, ABOUT, "float64"),
    "objects": ({"keys": torch.eye(2), "objects": torch.eye(2)}, ABOUT, "objects are bytes"),
    "fewer": ({"keys": torch.eye(2), "objects": lines(b"1")}, ABOUT, "2 keys, and 1 objects"),
    "no JSON": ({"keys": torch.eye(2), "objects": lines(b"1\n{")}, ABOUT, "are no JSON"),
    "no text": ({"keys": torch.eye(2), "objects": lines(b"1\n\xff")}, ABOUT, "are no JSON"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_files_of_others_are_refused_and_untouched(case, tmp_path):
    tensors, about, message = BROKEN[case]
    path = tmp_path / "m"
    save_file(tensors, path, metadata=about)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(DataError, match=f"^{path}: .*{message}"):
        Memory.load(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_the_tensors_of_a_foreign_file_are_not_read(tmp_path, monkeypatch):
    class Opened:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def metadata(self):
            return {"format": "pt"}

        def keys(self):
            return ["keys", "values"]

        def get_tensor(self, name):
            raise AssertionError(f"{name} was read")

    monkeypatch.setattr("safetensors.safe_open", lambda *_, **__: Opened())
    (tmp_path / "m").touch()
    with pytest.raises(DataError, match="but not of a Memory"):
        Memory.load(tmp_path / "m")


def test_no_file_and_no_safetensors(tmp_path):
    with pytest.raises(DataError, match="nothing: no such file"):
        Memory.load(tmp_path / "nothing")
    with pytest.raises(DataError, match="no such file"):
        Memory.load(tmp_path)
    for junk in (b"\x80\x04pickled.", b"{}", b"\xff" * 100, json.dumps(ABOUT).encode()):
        (tmp_path / "junk").write_bytes(junk)
        with pytest.raises(DataError, match="no whole safetensors file"):
            Memory.load(tmp_path / "junk")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m"
    objects().save(path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        vectors().save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m"]
    with pytest.raises(OSError, match="No such file"):
        vectors().save(tmp_path / "no" / "folder")


def test_a_process_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    path = tmp_path / "m"
    code = f"""
        import torch, regard
        memories = []
        for n in (1.0, 2.0):
            memories.append(regard.Memory())
            memories[-1].add(torch.full((300_000, 4), n), torch.full((300_000, 4), n))
        memories[0].save({str(path)!r})
        print("ready", flush=True)
        while True:
            for memory in memories:
                memory.save({str(path)!r})
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as output:
        assert output.readline() == "ready\n"
        started = [file for _ in range(10_000) for file in tmp_path.iterdir() if file != path]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert started  # it was killed in the midst of its saving
    memory = Memory.load(path)
    assert len(memory) == 300_000
    assert memory.keys.unique().tolist() == memory.values.unique().tolist()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_a_file_that_is_replaced_hands_on_its_mode(tmp_path, monkeypatch):
    path, modes, fsync = tmp_path / "m", [], os.fsync

    def watched(descriptor):  # the mode of what is being written, too
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", watched)
    before = os.umask(0o027)
    try:
        for mode in (None, 0o600, 0o400, 0o666):
            if mode is not None:
                path.chmod(mode)
            objects().save(path)
            assert path.stat().st_mode & 0o777 == (0o640 if mode is None else mode)
    finally:
        os.umask(before)
    assert modes == [0o640, 0o600, 0o600, 0o600]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(Path("real") / "m")
    objects().save(link)
    assert link.is_symlink()
    assert same(Memory.load(tmp_path / "real" / "m"), objects())
    assert load_file(link)["keys"].equal(torch.eye(3))
