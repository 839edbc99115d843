"""The cache of a hub corpus: damage is told, not trained on."""

from pathlib import Path

import pytest

from tests.faults.caches import DAMAGES, damaged_cache

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_an_error_or_made_anew(damage: str, tmp_path: Path) -> None:
    assert damaged_cache(tmp_path, damage, seed=1) in ("an error of one line", "the same rows")
