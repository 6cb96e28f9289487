"""The pages for people who choose: nothing is missing on them, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
import torch

import regard
from regard import biases, masks, nn, normalizers, scores

DOCS = Path(__file__).parents[2] / "docs"
CHOICE = (DOCS / "how-to-choose.md").read_text(encoding="utf-8")
PAGES = [
    *(
        DOCS / name
        for name in ("how-to-choose.md", "add-a-score.md", "biases.md", "normalizers.md")
    ),
    *sorted((DOCS / "tutorials").glob("*.md")),
    *sorted((DOCS / "scores").glob("*.md")),
]


@pytest.mark.parametrize("name", [*scores.SCORES, *normalizers.NORMALIZERS])
def test_every_score_and_normalizer_is_in_the_table(name: str) -> None:
    assert re.search(rf'^\|.*`"{name}"', CHOICE, re.MULTILINE)


@pytest.mark.parametrize("module", [masks, biases], ids=lambda module: module.__name__)
def test_every_mask_and_bias_is_in_the_table(module: object) -> None:
    family = module.__name__.removeprefix("regard.")  # pyright: ignore[reportAttributeAccessIssue]
    made = [
        name
        for name, part in vars(module).items()
        if name.islower()
        and not name.startswith("_")
        and getattr(part, "__module__", "").startswith(f"regard.{family}")
    ]
    assert len(made) >= 3
    for name in made:
        assert f"`{family}.{name}`" in CHOICE, name


def test_every_layer_is_in_the_table() -> None:
    parts = {name: getattr(nn, name) for name in nn.__all__}
    layers = [
        name
        for name, part in parts.items()
        if isinstance(part, type) and issubclass(part, torch.nn.Module)
    ]
    missing = [
        name for name in layers if not re.search(rf"^\|.*`nn\.{name}`", CHOICE, re.MULTILINE)
    ]
    assert not missing
    assert "`regard.Memory`" in CHOICE
    assert regard.Memory


def test_what_the_path_names_is_there() -> None:
    for family, name in re.findall(r"`(nn|biases|masks|scores)\.(\w+)", CHOICE):
        assert hasattr({"nn": nn, "biases": biases, "masks": masks, "scores": scores}[family], name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_pictures_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
