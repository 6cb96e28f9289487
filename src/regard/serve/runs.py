"""The runs that are served: loaded, and each with a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regard.runs.folder import Run
from regard.runs.held_out import load, system_of
from regard.runs.system import System, Trained
from regard.serve.options import offered


@dataclass(frozen=True, eq=False)
class Served:
    """A run that answers.

    Attributes:
        name: what requests call it.
        system: what it was trained as.
        trained: the model.
    """

    name: str
    system: System
    trained: Trained

    def as_json(self) -> dict[str, Any]:
        """What ``GET /api/runs`` tells of it."""
        return {
            "name": self.name,
            "system": self.system.name,
            "about": self.system.about,
            "fields": dict(self.trained.fields),
            "optional": sorted(self.trained.optional),
            "options": {o.name: o.schema for o in offered(self.system.search)},
        }


def opened(paths: Sequence[Path]) -> Mapping[str, Served]:
    """The runs of these folders, loaded, by name: that of the folder, with a number behind it where
    another run has it already.

    Weights are read from safetensors, which hold numbers and no code: nothing is unpickled.

    Raises:
        RunError: a folder that is no run, or one of another version, or broken.
    """
    found: dict[str, Served] = {}
    for path in paths:
        run, folder = Run.open(path), path.resolve().name
        name, number = folder, 1
        while name in found:
            number += 1
            name = f"{folder}-{number}"
        found[name] = Served(name, system_of(run), load(path))
    return found
