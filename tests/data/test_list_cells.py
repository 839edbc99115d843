"""Lists in cells, against the programs that write them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.list_cells import parse_list
from seqkit.errors import CorpusError

strings = st.lists(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))


@given(strings)
def test_lists_are_read_as_json_and_pandas_write_them(values: list[str]) -> None:
    assert parse_list(json.dumps(values)) == values
    assert parse_list(json.dumps(values, ensure_ascii=False)) == values
    assert parse_list(repr(values)) == values


@given(st.lists(st.text("ab'\"\\ ,[]é", min_size=1), min_size=1, max_size=5))
def test_lists_are_read_as_numpy_writes_them(values: list[str]) -> None:
    assert parse_list(str(np.array(values, dtype=object))) == values


def test_strings_side_by_side_are_never_joined() -> None:
    assert parse_list("['Ada' 'ran'\n 'off']") == ["Ada", "ran", "off"]
    assert parse_list("['Ada''ran']") is None


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "a",
        "[a]",
        '["a"',
        "['a', None]",
        '["a", null]',
        "[1.5]",
        "[true]",
        "[['a']]",
        "['a' ...]",
        r"['\x']",
        "[" * 99_999,
    ],
)
def test_what_is_no_list_of_strings(cell: str) -> None:
    assert parse_list(cell) is None


def test_half_of_a_surrogate_pair_is_refused() -> None:
    for cell in ('["\\ud800"]', "['\\ud800']"):
        with pytest.raises(CorpusError, match="surrogate"):
            parse_list(cell)
