"""Lists in the cells of a table, as JSON, Python and NumPy write them.

::

    ["Ada", "ran"]      ['Ada', 'ran']      ['Ada' 'ran']       ->  ["Ada", "ran"]
"""

import ast
import json
import re
import warnings

from seqkit.data.text_files import check_characters

__all__ = ["is_like_list", "parse_list"]

STRING = r"""(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")"""
# NumPy puts no commas. Python would join such strings, ['Ada' 'ran'], to a single one.
SEPARATOR = r"(?:\s*+,\s*+|\s++)"
LIST = re.compile(rf"\[\s*+(?:{STRING}(?:{SEPARATOR}{STRING})*+\s*+,?+\s*+)?+\]", re.DOTALL)
STRINGS = re.compile(STRING, re.DOTALL)


def is_like_list(cell: str) -> bool:
    """Return whether a cell has the brackets of a list, or begins as a list of strings does.

    >>> is_like_list("['a'"), is_like_list("[a]"), is_like_list("[a] b")
    (True, True, False)
    """
    cell = cell.strip()
    return cell.startswith("[") and (cell.endswith("]") or cell[1:].lstrip().startswith(("'", '"')))


def parse_list(cell: str) -> list[str | int] | None:
    """Parse a list of strings or integers.

    Args:
        cell: the list as ``json.dumps``, ``repr`` or NumPy's ``str`` writes it.

    Returns:
        None if the cell is anything else, such as a list with a missing value.

    Raises:
        CorpusError: a string has half of a surrogate pair; without file and line.

    >>> parse_list("['neg', 'x']"), parse_list('["Ada", null]'), parse_list("['Ada' 'ran']")
    (['neg', 'x'], None, ['Ada', 'ran'])
    """
    cell = cell.strip()
    if not is_like_list(cell):
        return None
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        strings = [_unquote(each) for each in STRINGS.findall(cell)] if LIST.fullmatch(cell) else None
        values = None if strings is None or None in strings else strings
    if not isinstance(values, list):
        return None
    found = [value for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
    if len(found) < len(values):
        return None
    if "\\" in cell:
        for value in found:
            check_characters(str(value))
    return found


def _unquote(literal: str) -> str | None:
    """Return the string that a literal of Python means; None if it has an invalid escape."""
    if "\\" not in literal:
        return literal[1:-1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = ast.literal_eval(literal)
    except (ValueError, SyntaxError, Warning):
        return None
    return str(value)
