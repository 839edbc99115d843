"""Texts that break careless offsets: combining characters, right-to-left text, line ends, marks, controls."""

from hypothesis import strategies as st

__all__ = ["texts"]

PIECES = [
    "Ada Lund",
    " Lund",
    "Ghent",
    "Oslo.",
    "Oslo",
    "😀",
    "👩🏽‍🚀",
    "e\u0301",
    "\u05e2\u05d1\u05e8",
    "\u202e",
    "\r\n",
    "\0",
    "\u2028",
    "\ufeff",
    "\x85",
    " ",
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=10).map("".join)
