"""What is documented is true."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from gateway.core.outcome import Owner
from tests.integration.programs import ROOT, STOREFRONT_KEY, build_house, run, tear_down

README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_configuration_page_is_what_the_schema_says() -> None:
    """`make docs` writes it; nobody edits it by hand."""
    code = "import sys; sys.path.insert(0, 'docs'); import generate; sys.stdout.write(generate.configuration_page())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (ROOT / "docs" / "configuration.md").read_text() == done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    """Relative links only; the web is not asked."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_owner_is_explained() -> None:
    """The table of owners is complete."""
    page = (ROOT / "docs" / "responses.md").read_text()
    assert {owner.value for owner in Owner} == set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


def test_the_readme_is_short_before_it_goes_into_detail() -> None:
    """Two screens of fifty lines."""
    assert len(README.partition("## In detail")[0].splitlines()) <= 100


def shell_lines(section: str) -> list[str]:
    """The commands of one section of the README."""
    text = README.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [
        line.partition("#")[0].strip() for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]


def test_the_readme_s_commands_work(tmp_path: Path) -> None:
    """Each `gateway` command as printed, beside a gateway that has served the README's own program, and then has not."""
    house = build_house(tmp_path)
    try:
        program = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
        environment = house.environment | {"OPENAI_BASE_URL": f"{house.url}/v1", "OPENAI_API_KEY": STOREFRONT_KEY}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment | {"PATH": ""}
        )
        assert done.returncode == 0, done.stderr
        assert "openai-direct@2026-10-01 OpenAI" in done.stdout
        house.fault(kind="status", status=401, times=1)
        caught = (
            f"import openai\ntry:\n{indent(program, '    ')}\nexcept openai.APIStatusError as error:\n    print(error.request_id)"
        )
        failed = subprocess.run([sys.executable, "-c", caught], capture_output=True, text=True, check=True, env=environment)
        request_id = re.findall(r"gw_[0-9a-f]+", failed.stdout)[0]
        commands = [
            line for section in ("Ops", "Finance", "Support") for line in shell_lines(section) if line.startswith("gateway ")
        ]
        assert len(commands) >= 8
        for command in commands:
            if " serve " in command:
                continue
            words = command.partition(">")[0].replace("gw_…", request_id).split()[1:]
            ran = run(*words, environment=house.environment)
            assert ran.returncode == 0, (command, ran.stderr)
            assert ran.stdout
    finally:
        tear_down(house)
