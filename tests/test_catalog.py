"""The shelf holds what the tree holds, and a name that is not on it is refused with near misses."""

from pathlib import Path

import pytest

from ddx.errors import FileProblem, UnknownName
from ddx.knowledge import catalog


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf of two networks and one case."""
    (tmp_path / "cases").mkdir()
    for name in ("stiff-skin.yaml", "back-pain.yaml", "README.md", "cases/first.case.yaml", "cases/notes.yaml"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(catalog, "shelf", lambda: tmp_path)
    return tmp_path


def test_names_are_those_of_the_files(shelf: Path) -> None:
    assert list(catalog.networks()) == ["back-pain", "stiff-skin"]
    assert catalog.cases() == {"first": shelf / "cases" / "first.case.yaml"}


def test_a_name_on_the_shelf_is_found(shelf: Path) -> None:
    assert catalog.network_path("stiff-skin") == shelf / "stiff-skin.yaml"
    assert catalog.case_path("first") == shelf / "cases" / "first.case.yaml"


def test_a_path_is_taken_as_it_is(shelf: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.bif"
    mine.write_text("")
    assert catalog.network_path(str(mine)) == mine


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("stif-skin", UnknownName, "Did you mean stiff-skin?"),
        ("zzz", UnknownName, "On the shelf: back-pain, stiff-skin."),
        ("no/such.bif", FileProblem, "no such network file"),
        ("stiff-skin.yml", FileProblem, "Did you mean stiff-skin?"),
        ("n" * 5000, UnknownName, "no network named"),
        ("a\0b.bif", FileProblem, r"'a\x00b.bif'"),
        ("cases/", UnknownName, "no network named"),
    ],
)
def test_what_is_not_there_is_refused(shelf: Path, name: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as refused:
        catalog.network_path(name)
    assert says in str(refused.value)


def test_every_network_of_the_tree_is_on_the_shelf() -> None:
    tree = Path(__file__).parents[1] / "networks"
    if not tree.is_dir():
        pytest.skip("the tests run without their tree")
    assert set(catalog.networks()) == {p.stem for p in tree.glob("*.yaml")}
    assert set(catalog.cases()) == {p.name.removesuffix(".case.yaml") for p in (tree / "cases").glob("*.case.yaml")}
