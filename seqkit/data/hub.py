"""Corpora of the Hugging Face hub, and the columns of the best known of them.

A sentence of ``tner/bc5cdr`` as it is stored, and what it becomes::

    {"tokens": ["Fasciculations", "in", "six"], "tags": [2, 0, 0]}      ids whose names are in the card

    tokens  Fasciculations  in  six
    tags    B-Disease       O   O
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.data.cache_check import check_cache
from seqkit.data.text_files import shortened
from seqkit.errors import ConfigError, CorpusError, SeqkitWarning

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["HUB_ALIASES", "HUB_CORPORA", "HubCorpus", "commits_of", "keep_commits", "known_hub_corpus", "load_hub"]

# Where the hub keeps the conversions of repositories that have a loading script instead of data.
PARQUET_EXPORT = "refs/convert/parquet"
COMMIT = re.compile(r"[0-9a-f]{40}")
COMMIT_OF_FILE = re.compile(r"hf://[^@]+@([0-9a-f]{40})/")  # the address of a file that was loaded


@dataclass(frozen=True, kw_only=True)
class HubCorpus:
    """The columns and labels of a corpus of the hub.

    Args:
        token_column: the column of the tokens.
        tag_column: the column of the tags.
        names: the names of the tags in the order of their ids, if the corpus does not store them.
        config: a configuration to suggest in the error, if one has to be chosen.
        not_a_word: the tag of tokens that are not words, such as multiword tokens; they are left out, as in CoNLL-U
            files.

    >>> HUB_CORPORA["eriktks/conll2003"].tag_column
    'ner_tags'
    """

    token_column: str = "tokens"
    tag_column: str = "ner_tags"
    names: tuple[str, ...] = ()
    config: str | None = None
    not_a_word: str | None = None


_ONTONOTES_NAMES = (
    "O B-CARDINAL B-DATE I-DATE B-PERSON I-PERSON B-NORP B-GPE I-GPE B-LAW I-LAW B-ORG I-ORG B-PERCENT I-PERCENT"
    " B-ORDINAL B-MONEY I-MONEY B-WORK_OF_ART I-WORK_OF_ART B-FAC B-TIME I-CARDINAL B-LOC B-QUANTITY I-QUANTITY"
    " I-NORP I-LOC B-PRODUCT I-TIME B-EVENT I-EVENT I-FAC B-LANGUAGE I-PRODUCT I-ORDINAL I-LANGUAGE"
)

HUB_CORPORA: Mapping[str, HubCorpus] = {
    "eriktks/conll2003": HubCorpus(),
    "leondz/wnut_17": HubCorpus(),
    "ncbi/ncbi_disease": HubCorpus(),
    "unimelb-nlp/wikiann": HubCorpus(config="en"),
    "universal-dependencies/universal_dependencies": HubCorpus(tag_column="upos", config="en_ewt", not_a_word="_"),
    "tner/ontonotes5": HubCorpus(tag_column="tags", names=tuple(_ONTONOTES_NAMES.split())),
    "tner/bc5cdr": HubCorpus(tag_column="tags", names=("O", "B-Chemical", "B-Disease", "I-Disease", "I-Chemical")),
}
# Their names from before each corpus of the hub had an owner.
HUB_ALIASES: Mapping[str, str] = {name.partition("/")[2]: name for name in HUB_CORPORA if not name.startswith("tner/")}


def known_hub_corpus(name: str) -> HubCorpus | None:
    """Return what is known about a hub id, or about a local copy in a folder ``.../owner/name``; None if nothing.

    >>> known_hub_corpus("./mirror/tner/bc5cdr").names[0]
    'O'
    """
    return HUB_CORPORA.get("/".join(Path(name).parts[-2:]))


def load_hub(name: str, config: str | None = None, revision: str | None = None) -> "DatasetDict":
    """Load a corpus from the hub, or from a local folder of the same shape.

    Only data are loaded, never code: a repository that has a loading script instead of data is read as the hub itself
    has converted it to Parquet, or refused if it has not been converted or a revision is asked for.

    Args:
        name: ``owner/name``, one of the old names without an owner, or the path of a folder with data files and a
            ``README.md`` that describes them, like a repository of the hub.
        config: the configuration, for a corpus with more than one.
        revision: the commit, tag or branch of the repository; by default its main branch. A warning says that only
            the hash of a commit always means the same data.

    Returns:
        The corpus as the hub stores it.

    Raises:
        CorpusError: there is no such corpus, configuration or revision, or the hub cannot be reached.
        ConfigError: a local folder is to have a revision.

    >>> load_hub("tner/bc5cdr").keys()  # doctest: +SKIP
    dict_keys(['train', 'validation', 'test'])
    """
    name = HUB_ALIASES.get(name, name)
    known = known_hub_corpus(name)
    if known is not None and known.config is not None and config is None:
        raise CorpusError(f"{name} has several configurations; choose one, as in {name}:{known.config}")
    is_local = name.startswith((".", "/"))
    if is_local and not Path(name).is_dir():
        raise CorpusError("no such folder", file=name)
    if is_local and revision is not None:
        raise ConfigError(f"the local folder {name} has no revisions; leave --revision out")
    if revision is not None and not COMMIT.fullmatch(revision):
        message = (
            f"the revision {revision!r} of {name} is a branch or a tag, which may change; only the hash of a commit (40"
            " digits) always means the same data"
        )
        warnings.warn(message, SeqkitWarning, stacklevel=2)
    try:
        with _quiet():
            loaded = _load(name, config, revision)
    except Exception as error:  # the network, the hub and the files fail in many different ways
        raise CorpusError(_explain(name, config, error)) from error
    check_cache(loaded)
    return loaded


def commits_of(corpus: Mapping[str, "Dataset"]) -> list[str]:
    """Return the commits of the hub from which the files of a corpus were loaded; none if that is not known.

    >>> from datasets import Dataset
    >>> commits_of({"train": Dataset.from_dict({"text": ["one"]})})
    []
    """
    addresses = [str(address) for split in corpus.values() for address in split.info.download_checksums or ()]
    return sorted({found[1] for address in addresses if (found := COMMIT_OF_FILE.match(address))})


def keep_commits(loaded: Mapping[str, "Dataset"], corpus: Mapping[str, "Dataset"]) -> None:
    """Note in a corpus the commits of what it was made of.

    >>> keep_commits({}, {})
    """
    if commits := commits_of(loaded):
        for dataset in corpus.values():
            dataset.info.download_checksums = {f"hf://datasets@{commit}/": None for commit in commits}


def _load(name: str, config: str | None, revision: str | None) -> "DatasetDict":
    from datasets import DatasetDict, load_dataset

    pinned = {} if revision is None else {"revision": revision}
    try:
        loaded: Any = load_dataset(name, name=config, **pinned)
    except RuntimeError as error:
        if "scripts are no longer supported" not in str(error):
            raise
        if pinned:
            raise RuntimeError("this revision has a loading script, which is never run; leave --revision out") from None
        loaded = load_dataset(name, data_dir=config, revision=PARQUET_EXPORT)
    if not isinstance(loaded, DatasetDict):
        raise TypeError(f"expected splits, found {type(loaded).__name__}")
    return loaded


def _explain(name: str, config: str | None, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, ValueError) and ("BuilderConfig" in reason or "Config name" in reason):
        wanted = f"has no configuration {config!r}" if config else "has several configurations; add one as :config"
        return f"{name} {wanted} ({shortened(' '.join(str(error).split()), 200)})"
    if name.startswith((".", "/")):
        return f"the folder {name} cannot be loaded: {shortened(reason, 200)}"
    return (
        f"the Hugging Face hub cannot be reached or has no {name} ({type(error).__name__}: {shortened(reason, 200)});"
        " without it, use an embedded corpus such as ner-mini, or a local file or folder such as ./corpus"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the progress bars of ``datasets``."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    were_disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_disabled:
            enable_progress_bars()
