"""Run the documents: every ``bash`` and ``python`` block, in order, in one new folder for each page."""

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
    # The README's first block installs seqkit and runs these tests; .ci/run executes it in a fresh environment.
    return blocks[1:] if document.name == "README.md" else blocks


@pytest.mark.slow
@pytest.mark.parametrize("document", [pytest.param(page, id=page.name) for page in DOCUMENTS if _blocks(page)])
def test_blocks_run(document: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for language, code in _blocks(document):
        command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=480)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_module_is_in_the_architecture() -> None:
    """The table has a row for each package, which names its modules in backquotes."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = []
    for module in sorted((ROOT / "seqkit").rglob("*.py")):
        package = module.parent.relative_to(ROOT / "seqkit").as_posix()
        label = "seqkit" if package == "." else package
        row = next((line for line in page.splitlines() if line.startswith(f"| `{label}/`")), "")
        if module.stem != "__init__" and f"`{module.stem}`" not in row:
            missing.append(f"{label}/{module.name}")
    assert not missing, f"docs/architecture.md lacks these modules in the rows of their packages: {missing}"
