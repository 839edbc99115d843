"""Random texts of all scripts, for long runs: the words are new each time, and some characters break careless code."""

import random

__all__ = ["HOSTILE", "SCRIPTS", "random_text", "random_word"]

SCRIPTS = {
    "Latin": (0x61, 0x7A),
    "Latin with marks": (0xC0, 0x24F),
    "Greek": (0x391, 0x3C9),
    "Cyrillic": (0x410, 0x44F),
    "Armenian": (0x561, 0x586),
    "Hebrew": (0x5D0, 0x5EA),
    "Arabic": (0x620, 0x64A),
    "Devanagari": (0x904, 0x939),
    "Thai": (0xE01, 0xE2E),
    "Georgian": (0x10D0, 0x10F0),
    "Khmer": (0x1780, 0x17B3),
    "Hiragana": (0x3041, 0x3096),
    "Han": (0x4E00, 0x9FFF),
    "Hangul": (0xAC00, 0xD7A3),
    "digits": (0x30, 0x39),
    "punctuation": (0x21, 0x2F),
    "emoji": (0x1F600, 0x1F64F),
    "Gothic": (0x10330, 0x1034A),
    "Han of plane 2": (0x20000, 0x2A6DF),
    "tags of plane 14": (0xE0020, 0xE007E),
    "private use of plane 16": (0x100000, 0x10FFFD),
}
"""The first and the last character of an alphabet; at least one of each plane that has characters."""

HOSTILE = (
    "\0",
    "\r\n",
    "\r",
    "\n",
    "\t",
    "\x0b\x0c\x1c\x1d\x1e\x85",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffe",
    "\uffff",
    "\ufffd",
    "\u202e",
    "\u200f",
    "\u2067",
    "\u200b",
    "\u200d",
    "\xad",
    "\xa0",
    "\u3000",
    "e\u0301\u0323",
    "\u0301",
    "\u0915\u094d\u0937",
    "👩🏽‍🚀",
    "👨‍👩‍👧",
    "🇧🇪",
    "1️⃣",
    "İß\u0149",
    "ﬁ",
    "\u1e9e",
    "…",
    "<unk>",
    "<pad>",
    "<eos>",
    "-DOCSTART-",
    "\x1b[31m",
    "\\",
)
"""Pieces that break careless offsets, case mappings and line ends."""


def random_word(chance: random.Random) -> str:
    """Return a word of one script, mostly short; or a hostile piece."""
    if chance.random() < 0.15:
        return chance.choice(HOSTILE)
    alphabet = chance.choice(_ALPHABETS)
    return "".join(map(chr, chance.choices(alphabet, k=1 + int(chance.expovariate(0.25)))))


def random_text(chance: random.Random, mean: float = 100.0, longest: int = 2000) -> str:
    """Return a text of random words.

    Args:
        chance: the random numbers.
        mean: the mean of the exponential distribution that lengths are drawn from.
        longest: the greatest number of characters.
    """
    length = min(longest, int(chance.expovariate(1 / mean)))
    pieces: list[str] = []
    total = 0
    while total < length:
        pieces.append(random_word(chance) + ("" if chance.random() < 0.2 else " "))
        total += len(pieces[-1])
    return "".join(pieces)[:length]


_ALPHABETS = [range(first, last + 1) for first, last in SCRIPTS.values()]
