"""The points of series in lines that come one by one."""

import math
from typing import Any

import pytest

from seqkit.errors import CorpusError
from seqkit_cli.reports.following import LinePoints, Point


def points(*lines: str, targets: tuple[str, ...] = ("value",), **names: Any) -> list[Point]:
    return list(LinePoints(targets=targets, source="stdin", **names).read(lines))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["5.1", " -2e3 "], [([5.1], None, None), ([-2000.0], None, None)]),
        (["2026-01-01 00:00,5.1"], [([5.1], "2026-01-01 00:00", None)]),
        (["timestamp,value", "a,5", "b,6"], [([5.0], "a", None), ([6.0], "b", None)]),
        (["value,site,unique_id", "5,x,north"], [([5.0], None, "north")]),
        (['{"value": 5, "ds": "a", "other": 1}', '{"value": "6"}'], [([5.0], "a", None), ([6.0], None, None)]),
        (["[5]", "", "  ", "6"], [([5.0], None, None), ([6.0], None, None)]),
        (['{"value": 5, "time": 3, "unique_id": 7}'], [([5.0], 3, "7")]),
    ],
)
def test_lines_in_every_form_are_points(lines: list[str], expected: list[tuple[object, ...]]) -> None:
    assert [tuple(point) for point in points(*lines)] == expected


def test_columns_have_the_names_they_had_in_training() -> None:
    found = points("when,where,value\n", "t1,north,2.5", time="when", unique_id="where")
    assert found == [([2.5], "t1", "north")]


def test_several_values_are_read_by_name_or_in_order() -> None:
    lines = ["time,pressure,flow", "a,2,1", "[3, 4]", '{"flow": 5, "pressure": 6}']
    assert [each.values for each in points(*lines, targets=("flow", "pressure"))] == [[1, 2], [3, 4], [5, 6]]
    assert points("x,7,8", targets=("flow", "pressure")) == [([7, 8], "x", None)]


@pytest.mark.parametrize("line", ["nan", '{"value": null}', "t,", "[null]", "NA"])
def test_a_missing_value_is_not_a_number(line: str) -> None:
    assert math.isnan(points(line)[0].values[0])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["5", "n/a"], "stdin:2: 'n/a' is not a number"),
        (["1,2,3"], "stdin:1: 3 values in the line; the model reads value"),
        (['{"value": 5'], "stdin:1: the line is not JSON"),
        (['{"speed": 5}'], "stdin:1: there is no 'value' in the line, only 'speed'"),
        (["{}"], "stdin:1: there is no 'value' in the line, only nothing"),
        (["[true]"], "stdin:1: True is not a number"),
        (["time,value", "a,1,2"], "stdin:2: 3 cells in the line, 2 in the header"),
        (["[" * 100_000], "stdin:1: "),
    ],
)
def test_a_line_that_is_no_point_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        points(*lines)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
