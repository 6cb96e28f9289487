"""Downloads, from a real server on this machine: all of a file that is meant, or nothing."""

import gzip
import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from regard.data import download
from regard.data.download import about, fetch
from regard.data.download_sets import Member, Set, checksum
from regard.errors import DataError, UnknownName

TEXTS = {"first.txt": b"Go.\tVa !\n" * 5000, "second.txt": b"good\t1\n"}


def zipped(texts: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"a set/{name}", text)
    return packed.getvalue()


class Home(BaseHTTPRequestHandler):
    """Serves ``content`` at ``/sets/a+set.zip``, and ``files`` under ``/sets/``; sends no more than
    ``sent`` bytes of each."""

    content, sent = b"", 10**9
    files: dict[str, bytes]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        files = {"a+set.zip": self.content} | self.files
        found = files.get(self.path.removeprefix("/sets/"))
        if found is None or not self.path.startswith("/sets/"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        self.wfile.write(found[: self.sent])

    def log_message(self, format: str, *args: object) -> None:
        assert self.headers["User-Agent"].startswith("Mozilla")


@pytest.fixture
def home(tmp_path, monkeypatch):
    class Own(Home):
        content, asked = zipped(TEXTS), []
        # Packed in another way than the member's checksum was made: it is of the content.
        files: ClassVar = {f"{name}.gz": gzip.compress(text, 1) for name, text in TEXTS.items()}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    members = tuple(
        Member(f"a set/{name}", hashlib.sha256(text).hexdigest(), "a_set")
        for name, text in TEXTS.items()
    )
    url = f"http://127.0.0.1:{server.server_port}/sets/a+set.zip"
    made = Set(url, members, members, "CC0", "nobody")
    free = made._replace(members=tuple(member._replace(sha256=None) for member in members))
    packed = tuple(
        Member(f"{name}.gz", hashlib.sha256(text).hexdigest(), "a_set", content=True)
        for name, text in TEXTS.items()
    )
    files = Set(url.removesuffix("a+set.zip"), packed, packed, "CC0", "nobody")
    monkeypatch.setattr(download, "SETS", {"known": made, "free": free, "files": files})
    monkeypatch.setattr(download, "RETRIES", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("REGARD_DATA", "REGARD_MIRROR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield Own
    server.shutdown()
    thread.join()
    server.server_close()


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["known", "free"])
def test_is_downloaded_once(home, tmp_path, name):
    paths = fetch(name)
    assert {path.name: path.read_bytes() for path in paths} == TEXTS
    assert all(tmp_path in path.parents for path in paths)
    assert fetch(name) == paths
    assert home.asked == ["/sets/a+set.zip"]
    assert left(tmp_path) == ["first.txt", "first.txt.json", "second.txt", "second.txt.json"]
    told = about(name)
    assert told["sha256"] == {path.name: checksum(path) for path in paths}
    assert (told["licence"], told["citation"]) == ("CC0", "nobody")


@pytest.mark.parametrize("name", ["known", "free"])
def test_what_has_changed_in_the_cache_is_refused(home, name):
    path = fetch(name)[0]
    path.write_bytes(b"other")
    sums = (hashlib.sha256(b"other").hexdigest(), hashlib.sha256(TEXTS["first.txt"]).hexdigest())
    with pytest.raises(
        DataError, match=f"first.txt is not .* {sums[0]}, and it should be {sums[1]}"
    ):
        fetch(name)


def test_what_is_pinned_stays_pinned(home):
    home.content = zipped(TEXTS | {"first.txt": b"a new issue"})
    path = fetch("free")[0]
    assert path.read_bytes() == b"a new issue"
    pin = path.with_name("first.txt.json")
    assert json.loads(pin.read_text())["sha256"] == checksum(path)
    home.content = zipped(TEXTS)
    assert fetch("free")[0].read_bytes() == b"a new issue"
    pin.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="first.txt.json does not say the checksum of first.txt"):
        fetch("free")


def test_a_wrong_checksum_leaves_nothing(home, tmp_path):
    home.content = zipped(TEXTS | {"second.txt": b"bad\t0\n"})
    found, meant = (hashlib.sha256(text).hexdigest() for text in (b"bad\t0\n", b"good\t1\n"))
    with pytest.raises(DataError, match=f"set/second.txt .* {found}, and it should be {meant}"):
        fetch("known")
    assert left(tmp_path) == []


@pytest.mark.parametrize("sent", [0, 100, 10_000])
def test_a_connection_that_is_cut_leaves_nothing(home, tmp_path, sent):
    home.content, home.sent = zipped(TEXTS | {"second.txt": bytes(100_000)}), sent
    with pytest.raises(DataError, match=r"a\+set.zip cannot be downloaded \(.*\): .* REGARD_DATA"):
        fetch("free")
    assert left(tmp_path) == []
    home.content, home.sent = zipped(TEXTS), 10**9
    assert fetch("free")[1].read_bytes() == TEXTS["second.txt"]


def test_is_tried_again(home, monkeypatch):
    monkeypatch.setattr(download, "RETRIES", 1)
    monkeypatch.setattr("time.sleep", lambda seconds: setattr(home, "sent", 10**9))
    home.sent = 10
    assert fetch("known")[1].read_bytes() == TEXTS["second.txt"]
    assert len(home.asked) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", r"a\+set.zip is not a whole ZIP archive"),
        (zipped(TEXTS)[:-30], r"a\+set.zip is not a whole ZIP archive"),
        (zipped({"first.txt": b""}), r"a\+set.zip has no a set/second.txt in it"),
    ],
)
def test_what_is_no_such_archive(home, tmp_path, content, message):
    home.content = content
    with pytest.raises(DataError, match=message):
        fetch("free")
    assert left(tmp_path) == []


def test_not_there_and_mirrors(home, monkeypatch, tmp_path):
    address = download.SETS["known"].url.removesuffix("/a+set.zip")
    monkeypatch.setenv("REGARD_MIRROR", address.removesuffix("sets") + "elsewhere/")
    with pytest.raises(DataError, match=r"elsewhere/a\+set.zip cannot be downloaded \(404"):
        fetch("known")
    assert left(tmp_path) == []
    lost = download.SETS["known"]._replace(url="http://127.0.0.1:1/sets/a+set.zip")
    monkeypatch.setitem(download.SETS, "known", lost)
    monkeypatch.setenv("REGARD_MIRROR", address)
    assert fetch("known")[1].read_bytes() == TEXTS["second.txt"]


def test_offline(home, monkeypatch):
    lost = download.SETS["known"]._replace(url="http://127.0.0.1:1/sets/a+set.zip")
    monkeypatch.setitem(download.SETS, "known", lost)
    with pytest.raises(DataError) as caught:
        fetch("known")
    text = str(caught.value)
    assert "\n" not in text
    assert "http://127.0.0.1:1/sets/a+set.zip cannot be downloaded (" in text
    assert "refused" in text
    assert "REGARD_DATA to a folder that has a_set/first.txt and a_set/second.txt" in text


def test_a_folder_of_files(home, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "a_set"
    folder.mkdir(parents=True)
    monkeypatch.setenv("REGARD_DATA", str(tmp_path / "data"))
    for name, text in TEXTS.items():
        (folder / name).write_bytes(text)
    assert fetch("known") == (folder / "first.txt", folder / "second.txt")
    (folder / "first.txt").write_bytes(b"other")
    with pytest.raises(DataError, match=r"first.txt is not the file that is meant: its SHA-256 is"):
        fetch("known")
    (folder / "first.txt").unlink()
    with pytest.raises(DataError, match=r"first.txt is missing beside the other files"):
        fetch("known")
    assert home.asked == []
    (folder / "second.txt").unlink()
    assert fetch("known")[0].read_bytes() == TEXTS["first.txt"]
    assert home.asked == ["/sets/a+set.zip"]
    monkeypatch.setenv("REGARD_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"REGARD_DATA is .*none, which is no folder"):
        fetch("known")


def test_a_cache_that_cannot_be_written(home, tmp_path):
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    with pytest.raises(DataError, match="cache.*: (Not a directory|File exists)"):
        fetch("known")
    with pytest.raises(UnknownName, match="no data set .* is called 'other': .* known, free"):
        fetch("other")


def test_files_without_an_archive(home, tmp_path):
    paths = fetch("files")
    assert {path.name: gzip.decompress(path.read_bytes()) for path in paths} == {
        f"{name}.gz": text for name, text in TEXTS.items()
    }
    assert fetch("files") == paths
    assert home.asked == ["/sets/first.txt.gz", "/sets/second.txt.gz"]
    sums = {f"{name}.gz": hashlib.sha256(text).hexdigest() for name, text in TEXTS.items()}
    assert about("files")["sha256"] == sums
    paths[1].write_bytes(gzip.compress(b"other"))
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(DataError, match=f"the SHA-256 of its content is {found}, and it should"):
        fetch("files")
    paths[1].write_bytes(paths[0].read_bytes()[:-9])
    with pytest.raises(DataError, match=r"second.txt.gz is not a whole .gz file"):
        fetch("files")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            gzip.compress(b"other", mtime=0),
            f"second.txt.gz has another second.txt.gz than is meant: .*"
            f"{hashlib.sha256(b'other').hexdigest()}, and it should be "
            f"{hashlib.sha256(TEXTS['second.txt']).hexdigest()}",
        ),
        (
            gzip.compress(TEXTS["second.txt"], mtime=0)[:-9],
            r"/sets/second.txt.gz is not a whole .gz file",
        ),
        (b"<html>", r"/sets/second.txt.gz is not a whole .gz file"),
    ],
)
def test_a_wrong_file_leaves_nothing_of_any(home, tmp_path, monkeypatch, content, message):
    monkeypatch.setattr(home, "files", home.files | {"second.txt.gz": content})
    with pytest.raises(DataError, match=message):
        fetch("files")
    assert left(tmp_path) == []


def test_files_whose_connection_is_cut(home, tmp_path, monkeypatch):
    long = home.files | {"second.txt.gz": bytes(100_000)}
    monkeypatch.setattr(home, "files", long)
    home.sent = 10_000
    with pytest.raises(DataError, match=r"second.txt.gz cannot be downloaded .*"
                       r"has first.txt.gz and second.txt.gz"):  # fmt: skip
        fetch("files")
    assert left(tmp_path) == []


def test_files_of_a_mirror_and_of_a_folder(home, tmp_path, monkeypatch):
    address = download.SETS["files"].url.removesuffix("/")
    lost = download.SETS["files"]._replace(url="http://127.0.0.1:1/sets/")
    monkeypatch.setitem(download.SETS, "files", lost)
    monkeypatch.setenv("REGARD_MIRROR", address)
    assert len(fetch("files")) == 2
    monkeypatch.setenv("REGARD_DATA", str(tmp_path))
    (tmp_path / "a_set").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / "a_set" / f"{name}.gz").write_bytes(gzip.compress(text))
    assert [path.parent.name for path in fetch("files")] == ["a_set", "a_set"]
