"""The run folder: everything that a training leaves behind.

run.json            which system, which data (a fingerprint), which versions
left_out.txt        what of the data could not be read, where something was passed over
config.yaml         every option, as ``regard train SYSTEM --config`` takes them
vocabulary.json     what the tokens are
model.safetensors   the best weights so far, by the loss on the validation part (or the last)
metrics.jsonl       a line of JSON for every few steps and every validation
last.ckpt           the last checkpoint, for ``--resume`` (pickled: load only your own)
scores.json         what the last evaluation found
report.html         curves, scores and alignments, in one page
"""

import json
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import yaml
from torch import Tensor

from regard.errors import RunError

FORMAT = 2

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Run:
    """A run folder that exists, whole."""

    path: Path

    @staticmethod
    def create(path: Path, files: dict[str, str], *, overwrite: bool) -> "Run":
        """A new folder with its first files, there at once or not at all.

        Raises:
            RunError: something is there already, and ``overwrite`` is not set or what is there
                is no run.
        """
        if path.exists():
            if not overwrite:
                raise RunError(
                    f"{path} is there already: --resume goes on with it, --overwrite replaces it, "
                    "--run names another folder"
                )
            if not (path / "run.json").is_file():
                raise RunError(f"{path} is no run (it has no run.json): it is not overwritten")
        fresh = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            fresh.chmod(0o755)
            for name, text in files.items():
                (fresh / name).write_text(text, encoding="utf-8")
            if path.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
                path.replace(old)
                fresh.replace(path)
                shutil.rmtree(old)
            else:
                fresh.replace(path)
        except OSError as error:
            raise _unwritten(path, error) from error
        finally:
            if fresh != path:
                shutil.rmtree(fresh, ignore_errors=True)
        return Run(path)

    @staticmethod
    def open(path: Path) -> "Run":
        """The run in a folder.

        Raises:
            RunError: there is none, or one of a later version.
        """
        if not path.is_dir():
            raise RunError(f"{path}: no such run folder")
        run = Run(path)
        if run.about.get("format") != FORMAT:
            raise RunError(f"{path} is a run of another version (format {run.about.get('format')})")
        return run

    @property
    def about(self) -> dict[str, Any]:
        """``run.json``."""
        about = self.read_json("run.json")
        if not isinstance(about, dict):
            raise RunError(f"{self.path / 'run.json'} is broken: it describes no run")
        return about

    @property
    def config(self) -> dict[str, Any]:
        """``config.yaml``.

        Raises:
            RunError: it is missing or broken.
        """
        file = self.path / "config.yaml"
        try:
            config = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path} is no run: it has no config.yaml") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RunError(f"{file} is broken: {error}") from None
        if not isinstance(config, dict):
            raise RunError(f"{file} is broken: it has no options")
        return config

    @property
    def checkpoint(self) -> Path:
        return self.path / "last.ckpt"

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``, but for one that was cut; none before the first."""
        file = self.path / METRICS
        if not file.exists():
            return []
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def read_json(self, name: str) -> Any:
        """A JSON file of the run.

        Raises:
            RunError: it is missing or broken.
        """
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path} is no run: it has no {name}") from None
        except ValueError as error:
            raise RunError(f"{self.path / name} is broken: {error}") from None

    def write(self, name: str, content: str | bytes) -> None:
        """A file of the run, replaced whole or not at all.

        Raises:
            RunError: it cannot be written; what was there before still is.
        """
        data = content.encode() if isinstance(content, str) else content
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=self.path)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(self.path / name)
        except OSError as error:
            raise _unwritten(self.path / name, error) from error
        finally:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)

    def add_metrics(self, numbers: dict[str, Any]) -> None:
        """A line more of ``metrics.jsonl``; what is no finite number is null there.

        Raises:
            RunError: it cannot be written.
        """
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in numbers.items()
        }
        file = self.path / METRICS
        try:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(finite, allow_nan=False) + "\n")
        except OSError as error:
            raise _unwritten(file, error) from error

    def write_json(self, name: str, content: Any) -> None:
        self.write(name, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def save_weights(self, weights: dict[str, Tensor]) -> None:
        """``model.safetensors``."""
        # Convolutions may hold theirs in another order than a file does.
        plain = {name: tensor.contiguous() for name, tensor in weights.items()}
        self.write("model.safetensors", safetensors.torch.save(plain))

    def load_weights(self) -> dict[str, Tensor]:
        """``model.safetensors``.

        Raises:
            RunError: the run has none yet, or the file is broken.
        """
        file = self.path / "model.safetensors"
        if not file.exists():
            raise RunError(
                f"{self.path} has no weights yet: its training stopped before the first "
                f"validation; go on with regard train {self.about['system']} --run {self.path} "
                "--resume"
            )
        try:
            return safetensors.torch.load_file(file)
        except safetensors.SafetensorError as error:
            raise RunError(f"{file} is broken: {error}") from None


def _unwritten(path: Path, error: OSError) -> RunError:
    return RunError(f"{path} cannot be written ({error.strerror or error})")
