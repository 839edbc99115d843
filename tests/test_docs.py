"""What the documents say is run: every ``bash`` and ``python`` block, in order, in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _blocks(document: Path) -> list[tuple[str, str]]:
    blocks = BLOCK.findall(document.read_text(encoding="utf-8"))
    # The README's first block installs seqkit and runs these tests: .ci/run runs it, in a fresh environment.
    return blocks[1:] if document.name == "README.md" else blocks


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if _blocks(d)], ids=lambda document: document.name)
def test_blocks_run(document: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for language, code in _blocks(document):
        command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_module_is_in_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for module in (ROOT / "seqkit").glob("*.py"):
        name = module.stem.replace("__init__", "seqkit/__init__")
        assert f"`{name}`" in page, f"docs/architecture.md does not place {module.name}"
