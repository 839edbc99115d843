"""Text as words with exact offsets.

Based on the ``tokenizers`` library: :meth:`WordTokenizer.to_json` writes an ordinary ``tokenizer.json``, which
``tokenizers.Tokenizer.from_file`` reads and which yields the same tokens and the same ids without seqkit.

The steps are those of the library: *normalize* the text (lower case, ``0`` for every digit), *cut* it by one regular
expression, *look up* each piece. The rules therefore see neither case nor the value of a digit, and need neither;
offsets refer to the original text.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from seqkit.errors import CheckpointError, ConfigError, CorpusError
from seqkit.text.panics import panics_as_errors
from seqkit.text.vocabulary import NORMALIZER, UNKNOWN, Vocabulary, encodable, normalize_word

__all__ = ["CLITICS", "SPACELESS", "Token", "WordTokenizer"]

LONGEST_PART = 1 << 19
"""How many characters are cut into words at once. A longer text is cut in parts, between words; only a run of more than
this without white space is cut within."""

CLITICS = ("n't", "'s", "'re", "'ll", "'ve", "'d", "'m")
"""The English clitics that are separate words in the Penn Treebank."""

# The rules are regular expressions of Oniguruma, which the tokenizers library uses. A word character is a letter, a
# mark, a number, an underscore, or one of the invisible joiners inside words of Persian, Hindi and other languages; but
# not of a script without spaces between words, each of whose characters is a token, with the marks on it.
# Repetitions are bounded where the engine could otherwise backtrack over a very long token.
_SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}\x{FF70}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}&&[\p{L}\p{M}\p{Nl}]]"
_SPACED = rf"&&[^{_SPACELESS}]"
_WORD = rf"[[\p{{L}}\p{{M}}\p{{N}}_\x{{AD}}\x{{200C}}\x{{200D}}\x{{2060}}]{_SPACED}]"
_LETTER = rf"[\p{{L}}{_SPACED}]"
_START = rf"(?<!{_WORD})"
_END = rf"(?!{_WORD})"
_APOSTROPHE = r"['\x{2019}\x{FF07}`\x{B4}]"
_HYPHEN = r"[-\x{2010}\x{2011}]"
_PICTURE = r"\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}\x{E0020}-\x{E007F}]*"
_SUFFIX = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ly|uk|eu|de|fr"
    "|docx?|pdf|txt|xlsx?|pptx?|html?|jpe?g|png|gif|zip|exe|csv|json|xml"
)
_ABBREVIATION = (
    "mr|mrs|ms|dr|prof|st|jr|sr|inc|corp|co|ltd|vs|etc|ph\\.d|ft|mt|jan|feb|aug|sept|oct|nov|dec",
    "gen|sen|rep|gov|lt|col|sgt|capt|rev|hon|pres|adm|cf|dept",  # before a word: "Gen. Lee", not "our sales rep."
    "no|nos|fig|figs|eq|vol|pp?",  # before a number: "No. 7", not "I said no."
)
# Prefixes that stay with their word when words are cut at hyphens, as in the English Web Treebank and OntoNotes.
_PREFIX = (
    "anti|co|counter|de|e|ex|extra|inter|mega|meta|micro|mid|mini|mis|multi|neo|non|over|post|pre|pro|pseudo|quasi|re"
    "|self|semi|sub|super|trans|u|ultra|un|under|uni|x"
)

_EMOJI = (
    r"[\x{1F1E6}-\x{1F1FF}]{2}",  # a flag
    r"[0#*]\x{FE0F}?\x{20E3}",  # a keycap
    rf"{_PICTURE}(?:\x{{200D}}{_PICTURE}){{0,9}}",  # an emoji, with skin tone and joined ones
)
_MARK = (r"\S\p{M}*",)  # any other character is a token by itself, so that none is lost
_UNITS = (
    rf"(?:(?:https?|ftp)://|www\.)\S{{0,2000}}(?:[/=&#]|{_WORD}{_END})",
    rf"(?:{_WORD}|[.%+-]){{1,64}}@(?:{_WORD}|-){{1,64}}(?:\.(?:{_WORD}|-){{1,64}}){{0,8}}{_END}",  # an e-mail address
    rf"[@#](?=\p{{N}}*[\p{{L}}_]){_WORD}+",  # a handle or a hashtag
    rf"(?:(?:{_WORD}|-){{0,63}}\.){{1,8}}(?:{_SUFFIX}){_END}(?:/\S{{0,2000}}{_WORD}{_END})?",  # a host or a file
    r"&(?:\p{L}{2,8}|#\p{N}{2,6});",  # an HTML entity
    *_EMOJI,
    rf"[<>]?[:;=]'?[-^]?(?:[)\]}}|*]|[(\[{{]{_END}|[/\\](?![/\p{{N}}]))",  # :-) ;) =( :/
    rf"{_START}[:;=]-?[dpo]{_END}|\([-^]?[:;=](?!\p{{L}})|\^[_.-]?\^|-_+-|>_+<",  # :D (: ^_^ -_-
    r"\.{2,}|…+|[!?]{2,}|([-=*~_#<>+|^$'`\x{2018}\x{2019}\x{2013}\x{2014}])\1+",  # ... ?! -- ***
    rf"{_START}{_LETTER}(?:\.{_LETTER})+{_END}\.?",  # U.S. e.g.
    rf"{_START}(?:{_ABBREVIATION[0]})\.{_END}",
    rf"{_START}(?:{_ABBREVIATION[1]})\.(?=\s+[\p{{L}}\p{{N}}])",
    rf"{_START}(?:{_ABBREVIATION[2]})\.(?=\s?\p{{N}})",
    rf"{_START}(?!i){_LETTER}\.(?=\s+\p{{L}})",  # J. Smith, but "He and I."
    rf"{_START}\.\p{{N}}+{_END}",  # .5
    rf"{_START}\p{{N}}{{1,4}}([-/.])\p{{N}}{{1,4}}\2\p{{N}}{{1,4}}{_END}",  # 2024-05-17, 555-123-4567
    rf"{_START}(?:\p{{N}}{{1,2}}/\p{{N}}{{1,2}}|\p{{N}}{{3}}-\p{{N}}{{4}}){_END}(?!\.?\p{{N}})",  # 9/11, 555-1234
)


def _pattern(split_punctuation: bool, split_hyphens: bool, split_characters: bool, clitics: Sequence[str]) -> str:
    """Return the regular expression whose matches are the tokens."""
    if not split_characters:  # word characters of all scripts are then alike, in every rule
        return _pattern(split_punctuation, split_hyphens, True, clitics).replace(_SPACED, "")
    if split_punctuation:
        return "|".join((*_EMOJI, f"{_WORD}+", *_MARK))
    endings = "|".join(clitic[1:] for clitic in clitics if clitic.startswith("'"))
    ending = rf"(?:{endings}){_END}" if endings else r"(?!)"
    negation = (rf"{_WORD}{{1,40}}?(?=n{_APOSTROPHE}t{_END})", rf"n{_APOSTROPHE}t{_END}") if "n't" in clitics else ()
    inside = rf"['\x{{2019}}\x{{FF07}}](?!{ending})|&|(?<=\p{{N}})[.,:](?=\p{{N}})"  # O'Neill, AT&T, 1,000.5
    prefixed = rf"(?<!{_WORD}|{_HYPHEN})(?:{_PREFIX}){_HYPHEN}{_WORD}+"
    rules = (
        *_UNITS,
        *negation,
        rf"{_APOSTROPHE}{ending}",
        rf"{_START}{_APOSTROPHE}(?:s|re|ve|ll|d|m){_END}",  # a clitic that is separated already
        *((prefixed,) if split_hyphens else ()),
        rf"{_WORD}+(?:(?:{inside if split_hyphens else f'{inside}|{_HYPHEN}'}){_WORD}+)*",
        *_MARK,
    )
    return "|".join(rules)


class Token(NamedTuple):
    """A word of a text: ``text[start:end] == token.text``, counted in code points."""

    text: str
    start: int
    end: int


class WordTokenizer:
    """Cuts text into words, and keeps the vocabulary that is saved with it.

    URLs, e-mail addresses, @handles, #hashtags, emoticons, emoji, numbers such as ``1,250.5`` and ``7:30``, dates,
    abbreviations (``U.S.``, ``Dr.``), initials (``J.``) and runs of one mark (``...``, ``?!``, ``--``) are one token;
    so is every other punctuation mark. In scripts without spaces between words (Han, Hiragana, Katakana, Thai, Lao,
    Khmer, Myanmar), every character is a token, with the marks on it. The tokens and the white space between them are
    the whole text; nothing is dropped.

    Args:
        split_punctuation: every character that is not a letter, digit or underscore is a token anywhere (``0 . 5``,
            ``Parkinson ' s``), as in BioCreative's corpora; the other two settings then have no effect.
        split_hyphens: ``London-based`` becomes three tokens, as in OntoNotes and the English Web Treebank; common
            prefixes stay with their word (``non-stop``), and dates and telephone numbers are not cut.
        split_characters: text in scripts without spaces is cut into characters; otherwise a run of them is a word, as
            in text that is segmented in advance.
        clitics: which of :data:`CLITICS` become separate words (``do n't``); others stay with their word.
        words: the vocabulary of words; it becomes the ``WordLevel`` model of ``tokenizer.json``.

    Raises:
        ConfigError: a clitic is not one of :data:`CLITICS`.

    >>> [token.text for token in WordTokenizer().tokenize("Dr. Who can't pay $5.50 to a well-known U.S. bank...")]
    ['Dr.', 'Who', 'ca', "n't", 'pay', '$', '5.50', 'to', 'a', 'well-known', 'U.S.', 'bank', '...']
    >>> WordTokenizer(clitics=()).tokenize("I can't")
    [Token(text='I', start=0, end=1), Token(text="can't", start=2, end=7)]
    """

    def __init__(
        self,
        *,
        split_punctuation: bool = False,
        split_hyphens: bool = False,
        split_characters: bool = True,
        clitics: Sequence[str] = CLITICS,
        words: Vocabulary | None = None,
    ) -> None:
        if unknown := [clitic for clitic in clitics if clitic not in CLITICS]:
            raise ConfigError(f"unknown clitic {unknown[0]!r}; choose from {', '.join(CLITICS)}")
        self.words = Vocabulary(normalize=normalize_word) if words is None else words
        self._tokenizer = Tokenizer(_model(Vocabulary()))
        self._tokenizer.normalizer = NORMALIZER
        pattern = Regex(_pattern(split_punctuation, split_hyphens, split_characters, clitics))
        self._tokenizer.pre_tokenizer = Split(pattern, "removed", invert=True)

    @classmethod
    def fitted_to(cls, sentences: Iterable[Sequence[str]]) -> Self:
        """Make a tokenizer that cuts raw text as the words of these sentences are cut; its vocabulary is empty.

        Each setting follows the majority in the sentences:

        * ``split_punctuation`` is on if marks inside a number or a contraction are separate words (``0 . 5``,
          ``don ' t``) more often than a word has any mark in it;
        * ``split_hyphens`` is on if a hyphen is a word between two words (``drug - induced``) more often than it is
          inside a word (``well-known``);
        * ``split_characters`` is off if words in scripts without spaces have several characters more often than one;
        * a clitic is separated if it is a word (``do n't``) at least as often as it ends a longer word (``don't``); for
          a clitic that does not occur, the sum over all clitics decides.

        >>> tokenizer = WordTokenizer.fitted_to([["A", "London", "-", "based", "bank", "does", "n't", "pay"]])
        >>> [token.text for token in tokenizer.tokenize("It's Paris-based.")]
        ['It', "'s", 'Paris', '-', 'based', '.']
        """
        counts: Counter[str] = Counter()
        marks_apart = hyphens_apart = 0
        for sentence in sentences:
            counts.update(sentence)
            text = f"{' '.join(sentence)} "
            marks_apart += len(_MARK_APART.findall(text))
            hyphens_apart += len(_HYPHEN_APART.findall(text))
        return cls(
            split_punctuation=marks_apart > _total(counts, _MARK_INSIDE),
            split_hyphens=hyphens_apart > _total(counts, _HYPHEN_INSIDE),
            split_characters=_has_characters(counts),
            clitics=_clitics_apart(counts),
        )

    def tokenize(self, text: str) -> list[Token]:
        """Return the words of one text, in order."""
        return self.tokenize_batch([text])[0]

    def tokenize_batch(self, texts: Sequence[str]) -> list[list[Token]]:
        """Return the words of many texts, the same as one by one; uses all processor cores."""
        short = [text for text in texts if len(text) <= LONGEST_PART]
        cut = iter(self._tokenize(short))
        return [next(cut) if len(text) <= LONGEST_PART else self._tokenize_long(text) for text in texts]

    def _tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        try:
            with panics_as_errors():
                encodings = self._tokenizer.encode_batch([encodable(text) for text in texts])
        except ValueError as error:
            raise CorpusError(f"a text cannot be cut into words ({error}); leave it out") from None
        return [
            [Token(text[start:end], start, end) for start, end in encoding.offsets]
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _tokenize_long(self, text: str) -> list[Token]:
        """Cut a long text part by part: the library needs memory for the whole of it, and gives up on a long match."""
        tokens: list[Token] = []
        start = 0
        while start < len(text):
            end = _part_end(text, start)
            own = self._tokenize([text[start:end]])[0]
            tokens += own if not start else [Token(word, start + left, start + right) for word, left, right in own]
            start = end
        return tokens

    def split_batch(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the words of many texts as strings, without their offsets.

        >>> WordTokenizer().split_batch(["Ada ran.", ""])
        [['Ada', 'ran', '.'], []]
        """
        return [[token.text for token in tokens] for tokens in self.tokenize_batch(texts)]

    def to_json(self) -> str:
        """Return the text of ``tokenizer.json``: the rules, and the words as a ``WordLevel`` model.

        >>> import tokenizers
        >>> words = Vocabulary.build({"hello": 1, "world": 1}, normalize=normalize_word)
        >>> tokenizers.Tokenizer.from_str(WordTokenizer(words=words).to_json()).encode("Hello, world").ids
        [2, 1, 3]
        """
        saved = Tokenizer.from_str(self._tokenizer.to_str())
        saved.model = _model(self.words)
        return saved.to_str(pretty=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote, rules and words.

        Raises:
            CheckpointError: the text is not a tokenizer that seqkit wrote.

        >>> WordTokenizer.from_json(WordTokenizer(clitics=()).to_json()).tokenize("can't")
        [Token(text="can't", start=0, end=5)]
        """
        try:
            with panics_as_errors():
                loaded = Tokenizer.from_str(text)
                ids = loaded.get_vocab(with_added_tokens=False)
            words = Vocabulary(sorted(ids, key=ids.__getitem__), normalize=normalize_word)
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(f"tokenizer.json cannot be read ({error}); restore it or train again") from error
        loaded.model = _model(Vocabulary())  # only its rules are used; words are looked up in the vocabulary
        tokenizer = cls(words=words)
        tokenizer._tokenizer = loaded
        return tokenizer


def _model(words: Vocabulary) -> WordLevel:
    return WordLevel({entry: index for index, entry in enumerate(words.entries)}, unk_token=UNKNOWN)


# No rule of a tokenizer matches across such a place, or looks beyond it: only after a full stop does one look at the
# word that follows.
_SAFE = re.compile(r"(?<=[^\s.])(?=\s)")


def _part_end(text: str, start: int) -> int:
    """Return where a part of a long text ends: at the last safe place, or after ``LONGEST_PART`` if it has none."""
    longest = start + LONGEST_PART
    if longest >= len(text):
        return len(text)
    return max((place.start() for place in _SAFE.finditer(text, start + 1, longest)), default=longest)


_MARK_APART = re.compile(r"\d \. (?=\d)|[^\W\d_] ['`\u2019\u00b4] (?=(?:s|t|re|ll|ve|d|m) )", re.IGNORECASE)
_MARK_INSIDE = re.compile(r"\w[^\w\s]\w")
_HYPHEN_APART = re.compile(r"[^\W\d_] [-\u2010\u2011] (?=[^\W\d_])")
_HYPHEN_INSIDE = re.compile(r"[^\W\d_][-\u2010\u2011][^\W\d_]")


# The blocks of the scripts of _SPACELESS.
SPACELESS = (
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f]"
)
"""A character class of Python's regular expressions: the blocks of the scripts without spaces between words."""

_IS_SPACELESS = re.compile(SPACELESS)


def _total(counts: Counter[str], pattern: re.Pattern[str]) -> int:
    return sum(count for word, count in counts.items() if pattern.search(word))


def _has_characters(counts: Counter[str]) -> bool:
    """Return whether words in scripts without spaces are single characters at least as often as they are longer."""
    lengths = Counter[bool]()
    for word, count in counts.items():
        if _IS_SPACELESS.search(word):
            lengths[sum(not unicodedata.category(each).startswith("M") for each in word) == 1] += count
    return lengths[True] >= lengths[False]


def _clitics_apart(counts: Counter[str]) -> tuple[str, ...]:
    """Return the clitics that are words at least as often as they end a longer word."""
    apart, joined = Counter[str](), Counter[str]()
    for word, count in counts.items():
        plain = re.sub("[\u2019\uff07`\u00b4]", "'", word.lower())
        for clitic in CLITICS:
            if plain.endswith(clitic):
                (apart if plain == clitic else joined)[clitic] += count
    unseen = apart.total() >= joined.total()
    return tuple(clitic for clitic in CLITICS if apart[clitic] >= joined[clitic] and (apart[clitic] or unseen))
