"""Raw text as the tokens of a language model, and back: characters, words, or byte pairs.

A text, and the pieces that the units make of it (a space is shown as ␣, a line end as ⏎)::

    It's not 7.⏎        char            I t ' s ␣ n o t ␣ 7 . ⏎
                        word            It's ␣not ␣7 . ⏎
                        bpe             It 's ␣not ␣7 . ⏎         byte pairs, as many as were learnt
    ␣It␣'s␣not␣7␣.␣⏎    pretokenized    It 's not 7 . <eos>       words cut already, as in WikiText

Nothing is lost but what is unknown: the pieces of the tokens, put together, are the text again; of pretokenized text
with WikiText's spaces, one before every word and line end. Id 0 is ``<eos>`` in every unit; id 1 is ``<unk>`` in
characters and words, while bytes are never unknown.

A text may come in pieces of any size and be larger than memory. It is cut anew where the words before and after do not
know of each other, so that the tokens do not depend on the pieces.

Shapes: N tokens.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders
from tokenizers.models import BPE, WordLevel
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer, WordLevelTrainer

from seqkit.data.texts import Texts
from seqkit.errors import CheckpointError, ConfigError, CorpusError
from seqkit.text.vocabulary import UNKNOWN, encodable

__all__ = ["END", "UNITS", "TextTokenizer", "Unit"]

Unit = Literal["char", "word", "bpe"]
UNITS: tuple[Unit, ...] = ("char", "word", "bpe")
END = "<eos>"
END_ID, UNKNOWN_ID = 0, 1
BPE_SIZE = 4096

# The rules, in the regular expressions of Oniguruma, which the tokenizers library uses. Repetitions are bounded, since
# learning byte pairs takes time in the square of the longest piece. Words end at each new mark ("?!" is two pieces) and
# line, to be fewer different ones; byte pairs may join marks and lines.
_IN_WORDS = r"\p{L}\p{M}\p{N}\x{AD}\x{200C}\x{200D}\x{2060}"
_JOINT = r"(?:['\x{2019}\x{2010}\x{2011}-]|(?<=\p{N})[.,:](?=\p{N}))"  # don't, well-known, 1,250.50
_WORD = rf" ?[{_IN_WORDS}]{{1,64}}(?:{_JOINT}[{_IN_WORDS}]{{1,64}}){{0,16}}"
_BLANK = r" {1,64}(?= \S)| {1,64}|[^\S\r\n ]{1,64}|\r"  # of the spaces before a word the last goes with the word
_CHARACTER_RULE = r"[\s\S]"
_WORD_RULE = rf"{_WORD}| ?([^\s{_IN_WORDS}])\1{{0,64}}\p{{M}}{{0,64}}|\r?\n|{_BLANK}"
_BPE_RULE = rf"{_WORD}| ?[^\s{_IN_WORDS}]{{1,64}}|(?:\r?\n){{1,64}}|{_BLANK}"
# What str.split() cuts at, of which the engine's own \s lacks a few.
_SPACE_RULE = r"[\x09-\x0D\x1C-\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+"

# Where a text may be cut: no rule matches across such a place, or looks beyond it. What is white space to the engine is
# white space to Python.
_SAFE = re.compile(r"(?<=\S) |(?<=\n)(?=\S)")
CHUNK_LENGTH = 1 << 13  # characters, or as many more as there are up to a safe place
LONGEST_CHUNK = 1 << 20  # a text without any safe place is cut here
BATCH_LENGTH = 1 << 18  # characters of the chunks that are worked on in parallel


class TextTokenizer:
    """Cuts text into the tokens of a vocabulary, and puts tokens together to a text.

    Args:
        tokenizer: rules and vocabulary as the tokenizers library keeps them; :meth:`fitted` makes them.

    Attributes:
        unit: ``char``, ``word`` or ``bpe``.
        pretokenized: whether words are what white space separates, and every line end is ``<eos>``.
        end_id: the id of ``<eos>``.
        unknown_id: the id of ``<unk>``; None for byte pairs.
        pieces: for each id the UTF-8 bytes that it adds to a text.

    Text that happens to read ``<eos>`` or ``<unk>`` is text like any other, but for the words of pretokenized text.

    Raises:
        CheckpointError: it is not a tokenizer that seqkit made.

    >>> tokenizer = TextTokenizer.fitted("word", Texts(lambda: [["It's not 7.\\n"]], many=False))
    >>> tokenizer.pieces
    [b'', b' <unk>', b'\\n', b' 7', b' not', b'.', b"It's"]
    >>> tokenizer.encode("It's 8."), tokenizer.decode([6, 3, 5])
    (array([6, 1, 5]), "It's 7.")
    """

    end_id = END_ID

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        saved = json.loads(tokenizer.to_str())
        self.unit, self.pretokenized = _kind(saved)
        self.unknown_id = None if self.unit == "bpe" else UNKNOWN_ID
        self._ids: dict[str, int] = saved["model"]["vocab"]
        tokens = sorted(self._ids, key=self._ids.__getitem__)
        reserved = [END] if self.unit == "bpe" else [END, UNKNOWN]
        if tokens[: len(reserved)] != reserved or [self._ids[token] for token in tokens] != list(range(len(tokens))):
            raise CheckpointError(f"its vocabulary does not begin with {' and '.join(reserved)}")
        self.pieces = _pieces(tokens, self.unit, self.pretokenized)
        self._id_of_code = _id_of_code(self._ids) if self.unit == "char" else None

    @classmethod
    def fitted(
        cls,
        unit: Unit,
        texts: Texts,
        *,
        pretokenized: bool = False,
        minimum_count: int = 1,
        vocabulary_size: int | None = None,
    ) -> Self:
        """Make a vocabulary of the tokens in some texts; memory grows with the number of different words alone.

        Args:
            unit: ``char`` (Unicode code points), ``word``, or ``bpe`` (byte pairs; Sennrich et al. 2016,
                https://arxiv.org/abs/1508.07909).
            texts: what train holds, nothing else.
            pretokenized: words are what white space separates, and every line end is ``<eos>``.
            minimum_count: the least count that earns a character or word an entry; for byte pairs the least count of
                a pair that is merged, at least 2.
            vocabulary_size: the most tokens it has, ``<eos>`` and ``<unk>`` among them; the most frequent stay, of
                those as frequent the first by code point. No limit where not given, and 4096 byte pairs.

        Raises:
            ConfigError: a setting that cannot be used.
            CorpusError: the texts are empty, or cannot be read.

        >>> TextTokenizer.fitted("char", Texts(lambda: [["banana"]], many=False)).pieces[2:]
        [b'a', b'n', b'b']
        """
        _check(unit, pretokenized, minimum_count, vocabulary_size)
        if texts.is_empty():
            raise CorpusError("the train split is empty: there is nothing to make a vocabulary of")
        chunks = (chunk for document in texts.documents() for chunk in _chunks(document))
        if unit == "char":
            model = _most_frequent(_count_characters(chunks), minimum_count, vocabulary_size)
        elif pretokenized:
            words = chain.from_iterable(map(_split, chunks))
            model = _most_frequent(Counter(words), minimum_count, vocabulary_size)
        else:
            model = _learnt(unit, chunks, minimum_count, vocabulary_size)
        return cls(_assembled(model, unit, pretokenized))

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> NDArray[np.int64]:
        """The ids (N,) of a text.

        >>> TextTokenizer.fitted("char", Texts(lambda: [["aab"]], many=False)).encode("abc")
        array([2, 3, 1])
        """
        return np.concatenate([np.zeros(0, np.int64), *self.encode_pieces([encodable(text)])])

    def encode_pieces(self, pieces: Iterable[str]) -> Iterator[NDArray[np.int64]]:
        """The ids of one text that comes in pieces, part by part; the same however it is cut.

        >>> tokenizer = TextTokenizer.fitted("word", Texts(lambda: [["one two"]], many=False))
        >>> np.concatenate(list(tokenizer.encode_pieces(["o", "ne t", "wo"])))
        array([3, 2])
        """
        return self.encode_documents([pieces], ended=False)

    def encode_documents(self, documents: Iterable[Iterable[str]], *, ended: bool) -> Iterator[NDArray[np.int64]]:
        """The ids of many texts one after another, part by part.

        Args:
            documents: the texts, each in pieces.
            ended: whether ``<eos>`` comes after each.

        >>> texts = Texts(lambda: [["aab"], ["b", "a"]], many=True)
        >>> np.concatenate(list(TextTokenizer.fitted("char", texts).encode_documents(texts.documents(), ended=True)))
        array([2, 2, 3, 0, 3, 2, 0])
        """
        for chunks, ends in _batches(documents):
            ids, lengths = self._encode_chunks(chunks)
            yield np.insert(ids, np.cumsum([0, *lengths])[ends], END_ID) if ended else ids

    def _encode_chunks(self, chunks: list[str]) -> tuple[NDArray[np.int64], list[int]]:
        """The ids of some texts, and how many each has."""
        if self._id_of_code is not None:
            codes = np.minimum(_codes("".join(chunks)), len(self._id_of_code) - 1)
            return self._id_of_code[codes], list(map(len, chunks))
        if self.pretokenized:
            ids_of = [[self._ids.get(word, UNKNOWN_ID) for word in _split(chunk)] for chunk in chunks]
        else:
            ids_of = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(chunks)]
        lengths = list(map(len, ids_of))
        return np.fromiter(chain.from_iterable(ids_of), np.int64, sum(lengths)), lengths

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids: their pieces, put together; bytes that are no UTF-8 become U+FFFD.

        >>> TextTokenizer.fitted("bpe", Texts(lambda: [["aa"]], many=False)).decode([0, 65, 66])
        'ab'
        """
        return b"".join(self.pieces[index] for index in ids).decode(errors="replace")

    def unknown(self, text: str) -> list[str]:
        """The different characters or words of a text that the vocabulary lacks, in the order they come.

        >>> TextTokenizer.fitted("word", Texts(lambda: [["one two"]], many=False)).unknown("one three four three")
        ['three', 'four']
        """
        if self.unit == "bpe":
            return []
        text = encodable(text)
        if self.unit == "char":
            tokens = list(text)
        elif self.pretokenized:
            tokens = _split(text)
        else:
            tokens = [piece for piece, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        return list(dict.fromkeys(token.strip(" ") or token for token in tokens if token not in self._ids))

    def to_json(self) -> str:
        """The text of ``tokenizer.json``, which the tokenizers library reads and which gives the same ids there.

        >>> saved = TextTokenizer.fitted("char", Texts(lambda: [["aab"]], many=False)).to_json()
        >>> Tokenizer.from_str(saved).encode("abc").ids
        [2, 3, 1]
        """
        return self._tokenizer.to_str(pretty=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            CheckpointError: it is not the text of a tokenizer that seqkit wrote.

        >>> TextTokenizer.from_json(TextTokenizer.fitted("char", Texts(lambda: [["aab"]], many=False)).to_json()).unit
        'char'
        """
        try:
            return cls(Tokenizer.from_str(text))
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(f"tokenizer.json cannot be read ({error}); restore it or train again") from error


def _check(unit: Unit, pretokenized: bool, minimum_count: int, vocabulary_size: int | None) -> None:
    if unit not in UNITS:
        raise ConfigError(f"unknown unit {unit!r}; choose from {', '.join(UNITS)}")
    if pretokenized and unit != "word":
        raise ConfigError(f"pretokenized text has words, so its unit is word, not {unit}")
    if minimum_count < 1:
        raise ConfigError(f"minimum_count must be at least 1, not {minimum_count}")
    least = 257 if unit == "bpe" else 3  # <eos> and every byte; or <eos>, <unk> and something to tell from them
    if vocabulary_size is not None and vocabulary_size < least:
        raise ConfigError(f"vocabulary_size must be at least {least} for {unit}, not {vocabulary_size}")


def _assembled(model: WordLevel | BPE, unit: Unit, pretokenized: bool) -> Tokenizer:
    """A tokenizer with the rules of a unit; its decoder gives the pieces of :func:`_pieces`.

    ``<eos>`` and ``<unk>`` are entries of the model like any other: the library would look for a special token in
    the text.
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


def _kind(saved: Mapping[str, Any]) -> tuple[Unit, bool]:
    """Unit and pretokenized, which differ in their rules."""
    if saved["model"]["type"] == "BPE":
        return "bpe", False
    if saved["normalizer"] is not None:
        return "word", True
    return ("char" if saved["pre_tokenizer"]["pattern"] == {"Regex": _CHARACTER_RULE} else "word"), False


def _pieces(tokens: list[str], unit: Unit, pretokenized: bool) -> list[bytes]:
    """What each token adds to a text."""
    if unit == "bpe":
        return [b"", *(bytes(_BYTE_OF[character] for character in token) for token in tokens[1:])]
    if pretokenized:
        return [b" \n", *(f" {token}".encode() for token in tokens[1:])]
    unknown = "\ufffd" if unit == "char" else f" {UNKNOWN}"
    return [b"", *(token.encode() for token in (unknown, *tokens[2:]))]


def _bytes_shown() -> dict[str, int]:
    """The byte that each character of a byte pair stands for, as GPT-2 shows bytes that are no visible character."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = sorted(set(range(256)) - set(visible))
    return {chr(byte): byte for byte in visible} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_BYTE_OF = _bytes_shown()


def _learnt(unit: Unit, chunks: Iterable[str], minimum_count: int, size: int | None) -> WordLevel | BPE:
    """Byte pairs or words, found by the library."""
    trainer: BpeTrainer | WordLevelTrainer
    if unit == "bpe":
        tokenizer = _assembled(BPE(), unit, False)
        size, count, letters = size or BPE_SIZE, max(2, minimum_count), ByteLevel.alphabet()
        trainer = BpeTrainer(vocab_size=size, min_frequency=count, special_tokens=[END], initial_alphabet=letters)
    else:
        tokenizer = _assembled(WordLevel({}, unk_token=UNKNOWN), unit, False)
        reserved, size = [END, UNKNOWN], size or 2**31
        trainer = WordLevelTrainer(vocab_size=size, min_frequency=minimum_count, special_tokens=reserved)
    trainer.show_progress = False
    tokenizer.train_from_iterator(chunks, trainer)
    model: WordLevel | BPE = tokenizer.model
    return model


def _most_frequent(counts: Mapping[str, int], minimum_count: int, size: int | None) -> WordLevel | BPE:
    frequent = (token for token, count in counts.items() if count >= minimum_count and token not in (END, UNKNOWN))
    ordered = sorted(frequent, key=lambda token: (-counts[token], token))
    kept = ordered if size is None else ordered[: size - 2]
    return WordLevel({token: index for index, token in enumerate([END, UNKNOWN, *kept])}, unk_token=UNKNOWN)


def _count_characters(chunks: Iterable[str]) -> dict[str, int]:
    counts = np.zeros(0x110000, np.int64)
    for chunk in chunks:
        present = np.bincount(_codes(chunk))
        counts[: len(present)] += present
    return {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))


def _id_of_code(ids: Mapping[str, int]) -> NDArray[np.int64]:
    """The id of each code point; the last entry stands for all that are higher."""
    codes = {ord(token): index for token, index in ids.items() if index > UNKNOWN_ID}
    table = np.full(max(codes, default=0) + 2, UNKNOWN_ID)
    table[list(codes)] = list(codes.values())
    return table


def _split(text: str) -> list[str]:
    return text.replace("\n", f" {END} ").split()


def _batches(documents: Iterable[Iterable[str]]) -> Iterator[tuple[list[str], list[int]]]:
    """Chunks of texts, and after how many of them each text ends."""
    chunks: list[str] = []
    ends: list[int] = []
    length = 0
    for document in documents:
        for chunk in _chunks(document):
            chunks.append(chunk)
            length += len(chunk)
            if length >= BATCH_LENGTH:
                yield chunks, ends
                chunks, ends, length = [], [], 0
        ends.append(len(chunks))
    yield chunks, ends


def _chunks(pieces: Iterable[str]) -> Iterator[str]:
    """A text cut at places that do not depend on its pieces, or make no difference to the tokens."""
    held: list[str] = []
    length, enough = 0, 2 * CHUNK_LENGTH
    for piece in chain(pieces, [""]):  # after the last one what is held is cut, too
        held.append(piece)
        length += len(piece)
        if piece and length < enough:
            continue
        text, start = "".join(held), 0
        while (end := _chunk_end(text, start)) is not None:
            yield text[start:end]
            start = end
        held, length = [text[start:]], len(text) - start
        enough = 2 * max(length, CHUNK_LENGTH)  # so that a text without safe places is not searched for every piece
    if length:
        yield held[0]


def _chunk_end(text: str, start: int) -> int | None:
    """Where a chunk ends; None where that depends on text still to come.

    A text is cut without need only where there is no safe place for the longest chunk, counted from the last such
    place or cut: that is the same wherever the chunks before ended.
    """
    if found := _SAFE.search(text, start + CHUNK_LENGTH, start + LONGEST_CHUNK + 1):
        return found.start()
    if len(text) <= start + LONGEST_CHUNK:
        return None
    earlier = [place.start() for place in _SAFE.finditer(text, start + 1, start + CHUNK_LENGTH)]
    return earlier[-1] if earlier else start + LONGEST_CHUNK
