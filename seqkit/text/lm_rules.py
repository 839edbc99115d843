"""The rules by which a language model's tokenizer cuts text: characters, words, byte pairs, or pretokenized words.

The rules are those of the tokenizers library, in whose files they are saved.
"""

from collections.abc import Mapping
from typing import Any, Literal

from tokenizers import Regex, Tokenizer, decoders
from tokenizers.models import BPE, WordLevel
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from seqkit.text.vocabulary import UNKNOWN

__all__ = ["END", "END_ID", "UNITS", "UNKNOWN_ID", "Unit", "assemble", "pieces_of", "unit_of"]

Unit = Literal["char", "word", "bpe"]
UNITS: tuple[Unit, ...] = ("char", "word", "bpe")
END = "<eos>"
END_ID, UNKNOWN_ID = 0, 1

# The rules are regular expressions of Oniguruma, which the tokenizers library uses. Repetitions are bounded, because
# learning byte pairs takes time quadratic in the length of the longest piece. A word ends at each different mark ("?!"
# is two pieces) and at each line end, so that there are fewer different words; byte pairs may join marks and lines.
_IN_WORDS = r"\p{L}\p{M}\p{N}\x{AD}\x{200C}\x{200D}\x{2060}"
_JOINT = r"(?:['\x{2019}\x{2010}\x{2011}-]|(?<=\p{N})[.,:](?=\p{N}))"  # don't, well-known, 1,250.50
_WORD = rf" ?[{_IN_WORDS}]{{1,64}}(?:{_JOINT}[{_IN_WORDS}]{{1,64}}){{0,16}}"
_BLANK = r" {1,64}(?= \S)| {1,64}|[^\S\r\n ]{1,64}|\r"  # the last of the spaces before a word belongs to the word
_CHARACTER_RULE = r"[\s\S]"
_WORD_RULE = rf"{_WORD}| ?([^\s{_IN_WORDS}])\1{{0,64}}\p{{M}}{{0,64}}|\r?\n|{_BLANK}"
_BPE_RULE = rf"{_WORD}| ?[^\s{_IN_WORDS}]{{1,64}}|(?:\r?\n){{1,64}}|{_BLANK}"
# What str.split() splits at; the engine's own \s lacks a few of these characters.
_SPACE_RULE = r"[\x09-\x0D\x1C-\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+"


def assemble(model: WordLevel | BPE, unit: Unit, pretokenized: bool) -> Tokenizer:
    """Build a tokenizer with the rules of a unit; its decoder yields the pieces of :func:`pieces_of`.

    ``<eos>`` and ``<unk>`` are ordinary entries of the model, because the library would look for special tokens in the
    text.
    """
    tokenizer = Tokenizer(model)
    if unit == "bpe":
        to_bytes = ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = Sequence([Split(Regex(_BPE_RULE), "isolated"), to_bytes])
        shown = [decoders.Replace(END, ""), decoders.ByteLevel()]
    elif pretokenized:
        tokenizer.normalizer = Replace("\n", f" {END} ")
        tokenizer.pre_tokenizer = Split(Regex(_SPACE_RULE), "removed")
        shown = [decoders.Replace(Regex(rf"\A{END}\z"), "\n"), decoders.Replace(Regex(r"\A"), " "), decoders.Fuse()]
    else:
        tokenizer.pre_tokenizer = Split(Regex(_CHARACTER_RULE if unit == "char" else _WORD_RULE), "isolated")
        unknown = decoders.Replace(UNKNOWN, "\ufffd" if unit == "char" else f" {UNKNOWN}")
        shown = [decoders.Replace(END, ""), unknown, decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(shown)
    return tokenizer


def unit_of(saved: Mapping[str, Any]) -> tuple[Unit, bool]:
    """Return the unit of a saved tokenizer and whether its texts are pretokenized, as its rules tell."""
    if saved["model"]["type"] == "BPE":
        return "bpe", False
    if saved["normalizer"] is not None:
        return "word", True
    cuts_characters = saved["pre_tokenizer"]["pattern"] == {"Regex": _CHARACTER_RULE}
    return ("char" if cuts_characters else "word"), False


def pieces_of(tokens: list[str], unit: Unit, pretokenized: bool) -> list[bytes]:
    """Return the UTF-8 bytes that each token adds to a text.

    >>> pieces_of(["<eos>", "<unk>", "a"], "char", pretokenized=False)
    [b'', b'\\xef\\xbf\\xbd', b'a']
    """
    if unit == "bpe":
        return [b"", *(bytes(_BYTE_OF[character] for character in token) for token in tokens[1:])]
    if pretokenized:
        return [b" \n", *(f" {token}".encode() for token in tokens[1:])]
    unknown = "\ufffd" if unit == "char" else f" {UNKNOWN}"
    return [b"", *(token.encode() for token in (unknown, *tokens[2:]))]


def _bytes_shown() -> dict[str, int]:
    """Return the byte that each character of a byte pair stands for; GPT-2 writes bytes as visible characters."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = sorted(set(range(256)) - set(visible))
    return {chr(byte): byte for byte in visible} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_BYTE_OF = _bytes_shown()
