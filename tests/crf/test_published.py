"""pytorch-crf's own published test suite, run against seqkit's CRF."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
VARIABLE = "SEQKIT_TORCHCRF_TESTS"
ORIGIN = "tests/test_crf.py on the master branch of https://github.com/kmkurn/pytorch-crf"
OF_THIS_RUN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONWARNINGS")  # not passed on: warnings are not errors there


@pytest.fixture
def suite() -> Path:
    """The file of the suite, which is not part of this project."""
    path = Path(os.environ.get(VARIABLE, "")).resolve()
    if not path.is_file():
        pytest.skip(f"needs pytorch-crf's test suite; set {VARIABLE} to its file, {ORIGIN}")
    return path


def test_the_published_suite_of_pytorch_crf_passes(suite: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in OF_THIS_RUN}
    environment |= {"PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # no shuffling: it sets a seed
    command = [
        *(sys.executable, "-m", "pytest", str(suite), "-p", "tests.seqkit_as_torchcrf", "-p", "no:cacheprovider"),
        *(f"--config-file={os.devnull}", f"--rootdir={suite.parent}", "--import-mode=importlib", "--color=no"),
        *("-k", "not TorchScript"),  # pytorch-crf 0.7.2 itself cannot be scripted
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "torchcrf.CRF is seqkit.crf.CRF\n" in done.stdout
    closing = done.stdout.splitlines()[-1]
    counts = {outcome: int(count) for count, outcome in re.findall(r"(\d+) (\w+)", closing)}
    assert counts["passed"] >= 20, closing
    assert counts.keys() <= {"passed", "deselected", "warning", "warnings"}, closing  # none skipped
