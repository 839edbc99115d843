import copy
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.errors import CheckpointError, ConfigError
from seqkit.text.panics import panics_as_errors
from seqkit.text.vocabulary import PADDING, UNKNOWN, WORD_SHAPES, Vocabulary, normalize_word, word_shape
from seqkit.text.words import WordTokenizer

TOKENIZERS = [
    WordTokenizer(),
    WordTokenizer(split_hyphens=True),
    WordTokenizer(split_hyphens=True, clitics=("'s",)),
    WordTokenizer(clitics=()),
    WordTokenizer(split_punctuation=True),
]

# Pieces that meet in awkward ways: case that changes length, marks, joiners, surrogates, rules cut short.
PIECES = [
    *("a", "B", "İ", "Σ", "ß", "1", "٣", "½", "中", "ก", "n't", "’s", "re-", "no.", "J.", "U.S", "http://", "www."),
    *("@", "#", ".com", "-", ".", "'", "/", ":", ")", "_", "&", "&amp;", "\N{COMBINING ACUTE ACCENT}", "👩", "🏽", "🇫"),
    *("\N{ZERO WIDTH JOINER}", "\N{VARIATION SELECTOR-16}", "\N{ZERO WIDTH SPACE}", "\ufeff", "\0", "\ud800", "\x1c"),
    *(" ", "\n", "\u2028", "\xa0"),
]
SEPARATORS = dict.fromkeys(range(0x1C, 0x20))  # str.isspace() takes these control characters; Unicode does not
texts = st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def cut(text: str, tokenizer: WordTokenizer = TOKENIZERS[0]) -> list[str]:
    return [token.text for token in tokenizer.tokenize(text)]


@given(texts)
def test_tokens_are_slices_in_order_and_only_white_space_lies_between(text: str) -> None:
    for tokenizer in TOKENIZERS:
        end = 0
        for token in tokenizer.tokenize(text):
            assert token.text == text[token.start : token.end] != ""
            assert token.start >= end
            assert text[end : token.start].strip() == ""
            assert not any(character.isspace() for character in token.text.translate(SEPARATORS))
            end = token.end
        assert text[end:].strip() == ""


@given(st.lists(texts, max_size=5))
def test_a_batch_gives_what_each_text_gives(batch: list[str]) -> None:
    assert TOKENIZERS[0].tokenize_batch(batch) == [TOKENIZERS[0].tokenize(text) for text in batch]


@pytest.mark.parametrize(
    "words",
    [
        "See https://example.org/a_(b)?c=d&e=1 , www.example.org example.com/x and j.doe+x@mail.example.co.uk !",
        "@alice and #NLProc #2024goals but # 1 ; R&D at AT&T",
        "1,250.50 and 7:30 and .5 and 2024-05-17 and 17/05/2024 and 9/11 and 555-123-4567 and 555-1234",
        "Mr. and Mrs. J. R. Ewing of the U.S. met Ph.D. students e.g. at 5 p.m. in No. 7",
        "Wait ... what ?! No -- really !!! **** ……",
        "Fine :-) or :( or ;) or =D or ^_^ or :/",
        "O'Neill and Shi’ite o'clock well-known state-of-the-art",
        "&lt; b &gt; &amp;",
        "don t",
        "한국어 نص हिन्दी Übergrößen می\N{ZERO WIDTH NON-JOINER}خواهم",
        "e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}",
        "👩‍👩‍👧 👍🏽 🇫🇷 🇩🇪 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    ],
)
def test_what_stays_whole(words: str) -> None:
    assert cut(words) == words.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("王伟在北京工作。", "王 伟 在 北 京 工 作 。"),
        ("我用iPhone12买了3个", "我 用 iPhone12 买 了 3 个"),
        ("二〇二四年Tower 2020", "二 〇 二 四 年 Tower 2020"),
        ("コーヒーを飲む", "コ ー ヒ ー を 飲 む"),
        (
            "か\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}き",
            "か\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK} き",
        ),
        ("สวัสดี ๑๒๓", "ส วั ส ดี ๑๒๓"),
        ("ភាសា", "ភា សា"),
        ("မြန်မာ", "မြ န် မာ"),
        ("ພາສາ", "ພ າ ສ າ"),
        ("见http://example.org/a，然后", "见 http://example.org/a ， 然 后"),
        ("A.中", "A . 中"),
    ],
)
def test_scripts_without_spaces_are_cut_into_characters(text: str, words: str) -> None:
    assert cut(text) == words.split()
    assert cut(text, TOKENIZERS[-1])[:1] == words.split()[:1]


def test_text_that_is_segmented_in_advance_is_not_cut_into_characters() -> None:
    tokenizer = WordTokenizer.fitted_to([["王伟", "在", "北京", "工作"]])
    assert [token.text for token in tokenizer.tokenize("我 在 上海 工作")] == ["我", "在", "上海", "工作"]


WITHOUT_CLITICS = TOKENIZERS[3]
SPACELESS_NAMES = (
    "CJK ",
    "HIRAGANA",
    "KATAKANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "IDEOGRAPHIC",
    "HALFWIDTH KATAKANA",
)


@given(st.text(st.characters(categories=["L"]), min_size=2, max_size=6))
def test_a_run_of_letters_of_any_other_script_is_one_word(text: str) -> None:
    if not any(unicodedata.name(letter, "").startswith(SPACELESS_NAMES) for letter in text):
        assert cut(text, WITHOUT_CLITICS) == [text]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('("Hello," she said.)', '( " Hello , " she said . )'),
        ("It's John's; I'd've said we'll, they're, I'm.", "It 's John 's ; I 'd 've said we 'll , they 're , I 'm ."),
        ("Don't! She CAN’T, can`t", "Do n't ! She CA N’T , ca n`t"),
        ("the dogs' 'bone'", "the dogs ' ' bone '"),
        ("(https://example.org/a). See www.example.org.", "( https://example.org/a ) . See www.example.org ."),
        ("$5.50, 30% and €7", "$ 5.50 , 30 % and € 7"),
        ("and/or 5-6 pages: x=1", "and / or 5-6 pages : x = 1"),
        ("He and I. Then no. Our sales rep.", "He and I . Then no . Our sales rep ."),
        ("end.Next", "end . Next"),
        ("😂😂!", "😂 😂 !"),
        ("🇫🇷🇩🇪", "🇫🇷 🇩🇪"),
        ("a—b–c", "a — b – c"),
        ("“so”", "“ so ”"),
    ],
)
def test_what_is_cut(text: str, words: str) -> None:
    assert cut(text) == words.split()


def test_control_characters_and_lone_marks_are_kept() -> None:
    assert cut("a\0b \N{COMBINING ACUTE ACCENT}") == ["a", "\0", "b", "\N{COMBINING ACUTE ACCENT}"]
    assert cut("a \ud800 b") == ["a", "\ud800", "b"]


def test_the_settings() -> None:
    text = "Non-stop London-based don't it's 0.5 2024-05-17"
    expected = {
        "Non-stop London-based do n't it 's 0.5 2024-05-17": WordTokenizer(),
        "Non-stop London - based do n't it 's 0.5 2024-05-17": WordTokenizer(split_hyphens=True),
        "Non-stop London-based don't it 's 0.5 2024-05-17": WordTokenizer(clitics=("'s",)),
        text: WordTokenizer(clitics=()),
        "Non - stop London - based don ' t it ' s 0 . 5 2024 - 05 - 17": WordTokenizer(split_punctuation=True),
    }
    for words, tokenizer in expected.items():
        assert cut(text, tokenizer) == words.split()
    assert cut("pre-war-era") == ["pre-war-era"]
    with pytest.raises(ConfigError, match=r"unknown clitic \"'t\"; choose from n't, 's"):
        WordTokenizer(clitics=["'t"])


@pytest.mark.parametrize(
    ("sentences", "text", "words"),
    [
        (["I do n't like John 's well-known London-based firm ."], "Don't buy Ann's X-rated CD.",
         "Do n't buy Ann 's X-rated CD ."),
        (["Selegiline - induced hypotension in Parkinson ' s disease", "0 . 5 mg"], "2.5 mg drug-induced Crohn's",
         "2 . 5 mg drug - induced Crohn ' s"),
        (["the London - based bank paid $ 1.5 million", "it 's a Paris - based one"], "It's a Rome-based 2.5",
         "It 's a Rome - based 2.5"),
        (["I'm sure he won't", "it 's John 's"], "I'm in Ann's; she won't", "I'm in Ann 's ; she won't"),
        (["I’m sure he won’t go to John’s"], "Don't buy Ann's", "Don't buy Ann's"),
        (["no evidence at all"], "Don't buy Ann's X-rated 2.5", "Do n't buy Ann 's X-rated 2.5"),
        ([], "It's", "It 's"),
    ],
    ids=["treebank", "biomedical", "ontonotes", "social", "whole", "none", "empty"],
)  # fmt: skip
def test_fitted_to_a_corpus_cuts_as_the_corpus_does(sentences: list[str], text: str, words: str) -> None:
    tokenizer = WordTokenizer.fitted_to([sentence.split() for sentence in sentences])
    assert cut(text, tokenizer) == words.split()


def column(path: Path, index: int) -> Iterator[list[str]]:
    """The words of a file with a word a line; multiword and empty rows of CoNLL-U are left out."""
    sentence: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if line.strip() and not line.startswith("# ") and (index == 0 or fields[0].isdecimal()):
            sentence.append(fields[index])
        elif not line.strip() and sentence:
            yield sentence
            sentence = []


@pytest.mark.parametrize(
    ("corpus", "index", "share"),
    [("bc5cdr/*.conll", 0, 1.0), ("ncbi_disease/*.conll", 0, 1.0), ("wnut2017/*.conll", 0, 0.84),
     ("ud_english_ewt/*.conllu", 1, 0.97)],
)  # fmt: skip
@pytest.mark.slow
def test_fitted_to_real_corpora(public_data: Path, corpus: str, index: int, share: float) -> None:
    dev, train = sorted(public_data.glob(corpus))
    tokenizer = WordTokenizer.fitted_to(column(train, index))
    for path in (train, dev):
        sentences = list(column(path, index))
        cut_again = tokenizer.tokenize_batch([" ".join(sentence) for sentence in sentences])
        same = sum(
            [token.text for token in tokens] == words for words, tokens in zip(sentences, cut_again, strict=True)
        )
        assert same >= share * len(sentences)


@given(st.sampled_from(TOKENIZERS), st.lists(texts, max_size=4), texts)
def test_the_saved_file_gives_the_same_ids_without_seqkit(
    tokenizer: WordTokenizer, known: list[str], text: str
) -> None:
    counts = Counter(token.text for tokens in tokenizer.tokenize_batch([*known, text[::2]]) for token in tokens)
    tokenizer.words = Vocabulary.build(counts, normalize=normalize_word)
    saved = tokenizer.to_json()
    encodable = text.encode(errors="replace").decode()
    expected = tokenizer.words.ids(cut(encodable, tokenizer))
    assert tokenizers.Tokenizer.from_str(saved).encode(encodable).ids == expected
    restored = WordTokenizer.from_json(saved)
    assert restored.words.entries == tokenizer.words.entries
    assert restored.words.ids(cut(encodable, restored)) == expected
    assert restored.tokenize(text) == tokenizer.tokenize(text)


def test_the_saved_file_on_disk_looks_words_up_by_their_key(tmp_path: Path) -> None:
    words = Vocabulary.build({"ΟΔΟΣ": 3, "B12": 2, "İzmir": 1}, normalize=normalize_word)
    path = tmp_path / "tokenizer.json"
    path.write_text(WordTokenizer(words=words).to_json(), encoding="utf-8")
    encoding = tokenizers.Tokenizer.from_file(str(path)).encode("Οδοσ b99, İZMIR")
    assert encoding.ids == [2, 3, 1, 4]
    assert encoding.offsets == [(0, 4), (5, 8), (8, 9), (10, 15)]


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", tokenizers.Tokenizer(tokenizers.models.BPE()).to_str(),
     tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a")).to_str()],
)  # fmt: skip
def test_a_foreign_or_damaged_tokenizer_file_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json cannot be read \(.*\); restore it or train again"):
        WordTokenizer.from_json(text)


def test_a_tokenizer_can_be_copied() -> None:
    tokenizer = WordTokenizer(words=Vocabulary.build({"a": 1}, normalize=normalize_word))
    copied = copy.deepcopy(tokenizer)
    assert copied.to_json() == tokenizer.to_json()
    assert copied.words.ids(["A", "b"]) == [2, 1]


@given(st.text())
def test_the_key_of_a_word_is_lower_case_with_zeros(word: str) -> None:
    key = normalize_word(word)
    assert normalize_word(key) == key
    assert not any(character.isdecimal() and character != "0" for character in key)
    if word.isascii():
        assert key == "".join("0" if character.isdigit() else character for character in word.lower())


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 5)), st.integers(1, 4))
def test_building_a_vocabulary(counts: dict[str, int], minimum: int) -> None:
    vocabulary = Vocabulary.build(counts, minimum, normalize=normalize_word)
    totals = {
        key: sum(count for word, count in counts.items() if normalize_word(word) == key)
        for key in map(normalize_word, counts)
    }
    expected = {key for key, total in totals.items() if total >= minimum}
    assert vocabulary.entries[:2] == (PADDING, UNKNOWN)
    assert set(vocabulary.entries[2:]) == expected
    ranks = [(-totals[key], key) for key in vocabulary.entries[2:]]
    assert ranks == sorted(ranks)
    for word in counts:
        assert (word in vocabulary) == (normalize_word(word) in expected)
        (index,) = vocabulary.ids([word])
        assert vocabulary.entries[index] == (normalize_word(word) if word in vocabulary else UNKNOWN)


def test_characters_keep_their_case_and_extra_words_come_last() -> None:
    characters = Vocabulary.build(Counter("Abba1"))
    assert characters.entries == (PADDING, UNKNOWN, "b", "1", "A", "a")
    assert characters.ids("aAB") == [5, 4, 1]
    words = Vocabulary.build({"b": 2, "rare": 1}, 2, extra=["Zoo", "B", "ant"], normalize=normalize_word)
    assert words.entries == (PADDING, UNKNOWN, "b", "zoo", "ant")
    assert len(words) == 5


def test_a_vocabulary_can_be_made_again_from_its_entries() -> None:
    vocabulary = Vocabulary.build({"x": 1, "y": 2})
    assert Vocabulary(vocabulary.entries).ids("xyz") == vocabulary.ids("xyz") == [3, 2, 1]
    with pytest.raises(ConfigError, match="begins with <pad> and <unk>, not with \\['a', 'b'\\]"):
        Vocabulary(["a", "b"])
    with pytest.raises(ConfigError, match="the vocabulary entry 'a' occurs twice"):
        Vocabulary([PADDING, UNKNOWN, "b", "a", "a"])


def test_words_that_read_like_the_reserved_entries_are_unknown_words() -> None:
    vocabulary = Vocabulary.build({PADDING: 9, UNKNOWN: 9, "a": 1})
    assert vocabulary.entries == (PADDING, UNKNOWN, "a")
    assert vocabulary.ids([PADDING, UNKNOWN, "a"]) == [1, 1, 2]
    assert PADDING not in vocabulary


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("lower", "word well-known n't 's ß"),
        ("UPPER", "NATO AT&T 'EM X-Y"),
        ("Title", "Paris I Anglo-Saxon O'Neill Don't Émile 'Tis"),
        ("miXed", "iPhone McDonald PaineWebber ThE"),
        ("capitals and full stops", "J. U.S. É."),
        ("caseless", "東京 نص हिन्दी"),
        ("digits", "1984 0 ٣٤"),
        ("digits and marks", "3.14 10:30 -5 1,000"),
        ("letters and digits", "B2B 5th 1990s 第3"),
        ("punctuation", ", ... ( -- “"),
        ("symbol", "$ + 😂 ^_^ 👍🏽 ❤️"),
        ("other", "\0 \N{COMBINING ACUTE ACCENT} ½ \ue000"),
    ],
)
def test_word_shapes(shape: str, words: str) -> None:
    assert {word: WORD_SHAPES[word_shape(word)] for word in words.split(" ")} == dict.fromkeys(words.split(" "), shape)


@given(texts)
def test_every_word_has_a_shape_and_letters_of_one_kind_share_it(word: str) -> None:
    shape = word_shape(word)
    assert 0 < shape < len(WORD_SHAPES)
    renamed = "".join(chr(ord("a") + ord(c) % 26) if unicodedata.category(c) == "Ll" else c for c in word)
    assert word_shape(renamed) == shape
    assert word_shape("") == WORD_SHAPES.index("other")


SENTENCES = [
    *("Dr. No met J. Smith.", "He and I. No. 7", "see p. 12", "don't  stop", "…\u0301 x", "a@b.com", "U.S. bank"),
    "字字 \u0301",
]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=20), st.sampled_from([" ", "\n", "  ", "\t"]))
def test_a_long_text_that_is_cut_in_parts_has_the_same_words(sentences: list[str], between: str) -> None:
    text, tokenizer = between.join(sentences), WordTokenizer()
    whole = tokenizer.tokenize(text)
    with mock.patch("seqkit.text.words.LONGEST_PART", 40):
        assert tokenizer.tokenize(text) == whole


@pytest.mark.parametrize("unit", ["-a", "1,", "a", "字", "'s", "@a", "\u0301", "é.", " "])
def test_a_very_long_text_without_a_space_is_cut_and_nothing_is_lost(unit: str) -> None:
    text = unit * (5_000 // len(unit))
    with mock.patch("seqkit.text.words.LONGEST_PART", 4_000):
        tokens = WordTokenizer().tokenize(text)
    assert "".join(token.text for token in tokens) == text.strip(" ")
    assert all(text[token.start : token.end] == token.text for token in tokens)


def test_what_the_library_panics_about_is_an_error() -> None:
    class PanicException(BaseException):
        pass

    with pytest.raises(ValueError, match=r"^retry limit$"), panics_as_errors():
        raise PanicException("retry limit\nthread main")
    with pytest.raises(KeyboardInterrupt), panics_as_errors():
        raise KeyboardInterrupt
