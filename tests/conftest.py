"""What several test files share."""

import os
from pathlib import Path

# Before torch is loaded: threads only get into each other's way on tensors as small as those of the tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

PUBLIC_DATA = Path(os.environ.get("SEQKIT_PUBLIC_DATA") or Path(__file__).parents[2] / "shared" / "data")

# The same examples in every run, and no failure because a machine is busy.
settings.register_profile("seqkit", derandomize=True, deadline=None)
settings.load_profile("seqkit")


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public corpora beside the checkout, or the one named by SEQKIT_PUBLIC_DATA."""
    if not PUBLIC_DATA.is_dir():
        pytest.skip(f"needs the public corpora, and there is no {PUBLIC_DATA}; set SEQKIT_PUBLIC_DATA to their folder")
    return PUBLIC_DATA
