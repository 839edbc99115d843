"""Very long words, shortened."""

__all__ = ["LONGEST_WORD", "shortened"]

LONGEST_WORD = 40  # characters that are read of a word: its first 20 and its last 20


def shortened(word: str) -> str:
    """Return a word without its middle if it is longer than ``LONGEST_WORD`` characters.

    >>> len(shortened("a" * 1000)), shortened("word")
    (40, 'word')
    """
    half = LONGEST_WORD // 2
    return word if len(word) <= LONGEST_WORD else word[:half] + word[-half:]
