"""What a corpus name stands for, and which files belong to it.

The shape of a name says what it is, never what happens to lie on the disk:

====================================  ==================================================
``ner-mini``                          a corpus embedded in seqkit
``owner/name``, ``owner/name:config`` a corpus of the Hugging Face hub
``./x``  ``../x``  ``/x``  ``~/x``    a local file or folder
``x.conll`` and other known suffixes  a local file
``embedded:x``  ``hub:x``  ``path:x`` whatever the prefix says
====================================  ==================================================
"""

import difflib
import importlib.resources
import re
from os import PathLike, fspath
from pathlib import Path
from typing import Literal, NamedTuple

from seqkit.data.formats import KNOWN_SUFFIXES
from seqkit.data.hub import HUB_ALIASES
from seqkit.data.typed_datasets import SPLIT_WORDS
from seqkit.errors import ConfigError, CorpusError

__all__ = ["CorpusSpec", "corpus_files", "is_saved", "list_embedded", "read_card", "resolve_spec"]


class CorpusSpec(NamedTuple):
    """What a corpus name stands for.

    >>> resolve_spec("eriktks/conll2003").kind
    'hub'
    """

    kind: Literal["embedded", "hub", "path"]
    name: str
    config: str | None = None

    def __str__(self) -> str:
        return self.name if self.config is None else f"{self.name}:{self.config}"


def resolve_spec(spec: str | PathLike[str]) -> CorpusSpec:
    """Tell from the shape of a corpus name what it stands for; nothing is looked up.

    Raises:
        ConfigError: the name has no shape that is known.

    >>> resolve_spec("ner-mini"), resolve_spec("universal-dependencies/universal_dependencies:en_ewt").config
    (CorpusSpec(kind='embedded', name='ner-mini', config=None), 'en_ewt')
    """
    text = fspath(spec)
    prefix, colon, rest = text.partition(":")
    if not isinstance(spec, str):
        return CorpusSpec("path", text)
    if colon and prefix == "embedded":
        return CorpusSpec("embedded", rest)
    if colon and prefix == "path":
        return CorpusSpec("path", rest)
    if colon and prefix == "hub":
        return _hub_spec(rest)
    if _looks_local(text):
        return CorpusSpec("path", text)
    if re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", text):
        return _hub_spec(text)
    if text and "/" not in text:
        return CorpusSpec("embedded", text)
    raise ConfigError(f"{text!r} names no corpus; write ./{text} for a local path, owner/name for one of the hub")


def _looks_local(text: str) -> bool:
    starts = ("./", "../", "~", ".\\", "..\\")
    return text in (".", "..") or text.startswith(starts) or Path(text).is_absolute() or _suffix(text) in KNOWN_SUFFIXES


def _suffix(text: str) -> str:
    return Path(text).suffix.lower()


def _hub_spec(text: str) -> CorpusSpec:
    name, _, config = text.partition(":")
    return CorpusSpec("hub", name, config or None)


def list_embedded() -> list[str]:
    """The names of the corpora embedded in seqkit.

    >>> "ner-mini" in list_embedded()
    True
    """
    root = importlib.resources.files("seqkit_corpora")
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.joinpath("CARD.md").is_file())


def _embedded_folder(name: str) -> Path:
    names = list_embedded()
    if name in names:
        return Path(str(importlib.resources.files("seqkit_corpora").joinpath(name)))
    near = difflib.get_close_matches(name.partition(":")[0], [*names, *HUB_ALIASES], n=3, cutoff=0.5)
    suggested = " or ".join(HUB_ALIASES.get(each, each) for each in near)
    hint = f"did you mean {suggested}?" if near else f"there is {', '.join(names) or 'none'}"
    raise CorpusError(f"no embedded corpus {name!r}; {hint} (a local folder is written ./{name})")


def read_card(name: str) -> str:
    """The card of an embedded corpus: origin, licence, counts, annotation guideline.

    Raises:
        CorpusError: there is no such corpus; the message names near matches.

    >>> read_card("ner-mini").startswith("# ")
    True
    """
    return _embedded_folder(name.removeprefix("embedded:")).joinpath("CARD.md").read_text(encoding="utf-8")


def corpus_files(spec: str | PathLike[str]) -> dict[str, Path]:
    """The files of an embedded or local corpus, by split; none for one of the hub or saved by ``datasets``.

    Raises:
        CorpusError: there is no such corpus, or two files could be the same split.

    >>> sorted(corpus_files("ner-mini"))
    ['dev', 'test', 'train']
    """
    resolved = resolve_spec(spec)
    if resolved.kind == "hub":
        return {}
    path = _embedded_folder(resolved.name) if resolved.kind == "embedded" else Path(resolved.name).expanduser()
    if path.is_dir():
        return {} if is_saved(path) else _split_files(path)
    if not path.exists():
        raise CorpusError("no such file or folder", file=path)
    return {"train": path}


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by ``save_to_disk`` of a ``Dataset`` or ``DatasetDict``.

    >>> is_saved(Path("nowhere"))
    False
    """
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


def _split_files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        words = {SPLIT_WORDS[word] for word in re.split(r"[^a-z0-9]+", path.name.lower()) if word in SPLIT_WORDS}
        named = path.suffix == "" or path.suffix[1:].lower() in SPLIT_WORDS or _suffix(path.name) in KNOWN_SUFFIXES
        # A Universal Dependencies treebank has its plain text beside it, under the same name.
        is_companion = path.suffix == ".txt" and path.with_suffix(".conllu").exists()
        if not words or not named or is_companion or not path.is_file():
            continue
        for split in words:
            if split in found or len(words) > 1:
                others = f"{found[split].name} and " if split in found else ""
                message = f"cannot tell which file is {split}: {others}{path.name}; leave one file for each split"
                raise CorpusError(message, file=folder)
            found[split] = path
    if not found:
        message = "no train, dev or test file of a known format in this folder"
        if (folder / "README.md").exists():
            message += f"; if it has the shape of a hub repository, write hub:{folder}"
        raise CorpusError(message, file=folder)
    return {split: found[split] for split in ("train", "dev", "test") if split in found}
