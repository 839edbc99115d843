"""The table of tasks."""

import subprocess
import sys

from seqkit.task_table import TASKS


def test_every_task_has_its_own_name() -> None:
    assert all(spec.name == name for name, spec in TASKS.items())


def test_the_table_is_imported_without_torch() -> None:
    code = "import sys, seqkit.task_table; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
