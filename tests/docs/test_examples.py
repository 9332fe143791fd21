"""Every example of a provider is a configuration that loads, and hides nothing that is not known."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.programs import ROOT

EXAMPLES = sorted((ROOT / "config" / "examples" / "providers").glob("*.yaml"))
KEYS = dict.fromkeys(
    (
        "OPENAI_API_KEY",
        "AZURE_OPENAI_API_KEY",
        "XAI_API_KEY",
        "TOGETHER_API_KEY",
        "INNER_GATEWAY_KEY",
        "OPENROUTER_API_KEY",
        "FAL_AI_API_KEY",
        "STABILITY_API_KEY",
        "GEMINI_API_KEY",
        "VERTEX_ACCESS_TOKEN",
        "BFL_API_KEY",
        "AWS_BEARER_TOKEN_BEDROCK",
    ),
    "sk-fake-not-a-secret",
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda it: it.stem)
def test_it_loads_and_leaves_nothing_unknown_unsaid(example: Path) -> None:
    """Its terms and its prices are warned of; the page about providers names it."""
    command = [sys.executable, "-m", "gateway", "check", str(example), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | KEYS)
    assert done.returncode == 0, done.stderr
    warned = json.dumps(json.loads(done.stdout))
    assert "has no entry for this model: " in warned + done.stderr
    assert "data.retention" in warned + done.stderr
    assert f"providers/{example.name}" in (ROOT / "docs" / "providers.md").read_text()
