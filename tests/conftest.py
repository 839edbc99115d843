"""Settings and fixtures that test files share."""

import os
from pathlib import Path

# Set before torch is loaded: on tensors as small as those of the tests, several threads are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

PUBLIC_DATA = Path(os.environ.get("SEQKIT_PUBLIC_DATA") or Path(__file__).parents[2] / "shared" / "data")

# Every run uses the same examples, and no test fails because a machine is busy.
settings.register_profile("seqkit", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("seqkit")


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Return the folder of public corpora: SEQKIT_PUBLIC_DATA, or shared/data beside the checkout."""
    if not PUBLIC_DATA.is_dir():
        pytest.skip(f"needs the public corpora, and there is no {PUBLIC_DATA}; set SEQKIT_PUBLIC_DATA to their folder")
    return PUBLIC_DATA


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need a GPU where there is none."""
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
