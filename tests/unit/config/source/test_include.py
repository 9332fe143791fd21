"""One configuration in several files."""

from pathlib import Path

import pytest

from tests.unit.config.samples import base, loaded, place, problems

ROUTE = "routes:\n  {0}: {{model: gpt-image-2, provider: openai, upstream_model: gpt-image-2, contract: direct}}\n"


def test_files_folders_and_patterns_are_read_relative_to_their_file(tmp_path: Path) -> None:
    """Each file adds to the sections, at any depth, and a folder's credential files are found beside it."""
    (tmp_path / "sub" / "more").mkdir(parents=True)
    (tmp_path / "sub" / "first.yaml").write_text("include: [more]\n" + ROUTE.format("first"))
    (tmp_path / "sub" / "more" / "second.yaml").write_text(
        "providers:\n  atlas: {dialect: openai, base_url: https://atlas.example/v1, credential: {file: atlas.key}}\n"
    )
    (tmp_path / "sub" / "more" / "ignored.txt").write_text("not yaml: [")
    (tmp_path / "sub" / "more" / "atlas.key").write_text("sk-atlas-not-a-secret")
    (tmp_path / "third.yaml").write_text(ROUTE.format("third"))
    snapshot = loaded(base(tmp_path, more="include: [sub/first.yaml, 'thi*.yaml', sub]\n")).snapshot
    assert sorted(snapshot.routes) == ["first", "openai-route", "third"]
    assert snapshot.providers["atlas"].credential.reveal() == "sk-atlas-not-a-secret"


def test_a_circle_is_an_error(tmp_path: Path) -> None:
    """It is found where the circle closes."""
    (tmp_path / "other.yaml").write_text("include:\n  - gateway.yaml\n")
    (problem,) = problems(base(tmp_path, more="include: [other.yaml]\n"))
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "other.yaml"), 2, 5)
    assert "includes itself" in problem.what


@pytest.mark.parametrize("missing", ["nowhere.yaml", "none-*.yaml", "empty", "a\\0b"])
def test_an_include_without_a_file_is_an_error(tmp_path: Path, missing: str) -> None:
    """Nothing is left out in silence, and names that may stand in the missing file are not called unknown."""
    (tmp_path / "empty").mkdir()
    path = base(tmp_path, ("contract: direct", "contract: elsewhere"), more=f'include: ["{missing}"]\n')
    (problem,) = problems(path)
    assert (problem.line, problem.column, problem.path) == (*place(path, f'"{missing}"'), "include[0]")


def test_an_id_in_two_files_names_both(tmp_path: Path) -> None:
    """The second is at fault, and says where the first is."""
    path = base(tmp_path, more="include: [other.yaml]\n")
    (tmp_path / "other.yaml").write_text(ROUTE.format("openai-route"))
    (problem,) = problems(path)
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "other.yaml"), 2, 3)
    line, column = place(path, "openai-route:")
    assert f"{path}:{line}:{column}" in problem.what


def test_a_setting_in_two_files_is_an_error(tmp_path: Path) -> None:
    """There is one server, so one file describes it."""
    (tmp_path / "other.yaml").write_text("server: {port: 1}\n")
    (problem,) = problems(base(tmp_path, more="server: {port: 2}\ninclude: [other.yaml]\n"))
    assert (problem.file, problem.path) == (str(tmp_path / "other.yaml"), "server")


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    """A folder and a pattern may overlap."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "route.yaml").write_text(ROUTE.format("second"))
    assert "second" in loaded(base(tmp_path, more="include: [sub, sub/*.yaml]\n")).snapshot.routes


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        (b"", (1, 1), "empty"),
        (b"# only a comment\n", (1, 1), "empty"),
        (b"- a\n- b\n", (1, 1), "not a mapping"),
        (b"server:\n  port: [\n", (3, 1), "not valid YAML"),
        (b"server:\n\tport: 1\n", (2, 1), "not valid YAML"),
        (b"server:\n  host: a\x01b\n", (2, 10), "control character"),
        (b"server:\n  host: \xff\n", (2, 9), "UTF-8"),
        (b"[" * 5000, (1, 33), "more than 32 levels"),
        (rb'a: "\UFFFFFFFF"', (1, 1), "not valid YAML"),
        (b"%YAML 1." + b"9" * 5000 + b"\n---\na: 1\n", (1, 1), "not valid YAML"),
        (b"a: 1\n---\nb: 2\n", (2, 1), "not valid YAML"),
    ],
)
def test_what_is_no_configuration_has_a_place(tmp_path: Path, content: bytes, place: tuple[int, int], said: str) -> None:
    """Bad syntax, an empty file, another encoding: one problem each."""
    path = tmp_path / "gateway.yaml"
    path.write_bytes(content)
    (problem,) = problems(path)
    assert (problem.line, problem.column) == place
    assert said in problem.what


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With its name, at its beginning."""
    (problem,) = problems(tmp_path / "gateway.yaml")
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "gateway.yaml"), 1, 1)
    assert "cannot be read" in problem.what
