"""Where providers' keys come from."""

from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.secrets.token_command import FORMER_MAX, Tokens
from tests.unit.config.samples import TODAY, base, loaded, problems

FROM_ENVIRONMENT = ("{file: fake.key}", "{env: ATLAS_KEY}")


def test_a_key_is_read_and_never_printed(tmp_path: Path) -> None:
    """From a file or a variable, without the line's end; no representation shows it."""
    for found in (loaded(base(tmp_path)), loaded(base(tmp_path, FROM_ENVIRONMENT), ATLAS_KEY=" sk-fake-not-a-secret\n")):
        assert found.snapshot.providers["openai"].credential.reveal() == "sk-fake-not-a-secret"
        assert "sk-fake" not in repr(found)


@pytest.mark.parametrize("content", [b"", b"  \n", b"sk-fake CANARY", b"sk-fake\nCANARY", b"\xff\xfe"])
def test_a_file_without_one_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, or more than a key: said without its content."""
    path = base(tmp_path)
    (tmp_path / "fake.key").write_bytes(content)
    (problem,) = problems(path)
    assert problem.path == "providers.openai.credential.file"
    assert "CANARY" not in str(problem)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With the reason and where it was looked for."""
    path = base(tmp_path)
    (tmp_path / "fake.key").unlink()
    (problem,) = problems(path)
    assert "No such file" in problem.what
    assert str(path) in problem.fix


def test_a_variable_without_a_key_is_refused(tmp_path: Path) -> None:
    """Unset and empty are told apart."""
    path = base(tmp_path, FROM_ENVIRONMENT)
    assert "ATLAS_KEY is not set" in problems(path)[0].what
    assert "is empty" in problems(path, ATLAS_KEY=" ")[0].what


def test_a_key_in_place_of_a_name_is_not_repeated(tmp_path: Path) -> None:
    """Whoever writes the key itself finds out without showing it to others."""
    for key in ("sk-fake-not-a-secret", "canary0not0a0secret"):
        found = problems(base(tmp_path, ("{file: fake.key}", f"{{env: {key}}}")))
        assert key not in "".join(map(str, found))


def test_keys_that_were_replaced_are_remembered(tmp_path: Path) -> None:
    """A provider may still repeat one; the latest few are known, and a key that stays is none of them."""
    path, tokens = base(tmp_path), Tokens()
    keys = [f"sk-fake-{number}" for number in range(FORMER_MAX + 3)]
    for key in (keys[0], *keys):
        (tmp_path / "fake.key").write_text(key)
        found = load(path, {}, TODAY, tokens).snapshot.providers["openai"].credential
    assert found.reveal() == keys[-1]
    assert found.former == tuple(reversed(keys[-1 - FORMER_MAX : -1]))
    assert "sk-fake" not in repr(found)
