"""What a corpus name means, and which files belong to it.

The form of a name decides what it means, never what happens to be on the disk:

====================================  ==================================================
``ner-mini``                          a corpus embedded in seqkit
``owner/name``, ``owner/name:config`` a corpus of the Hugging Face hub
``./x``  ``../x``  ``/x``  ``~/x``    a local file or folder
``x.conll`` and other known suffixes  a local file
``embedded:x``  ``hub:x``  ``path:x`` what the prefix says
====================================  ==================================================
"""

import difflib
import importlib.resources
import re
from os import PathLike, fspath
from pathlib import Path
from typing import Literal, NamedTuple

from seqkit.data.brat import is_brat
from seqkit.data.formats import KNOWN_SUFFIXES
from seqkit.data.hub import HUB_ALIASES
from seqkit.data.split_files import SPLIT_WORDS, find_split_files
from seqkit.errors import ConfigError, CorpusError

__all__ = ["CorpusSpec", "corpus_files", "is_saved", "list_embedded", "read_card", "resolve_spec"]


class CorpusSpec(NamedTuple):
    """What a corpus name means.

    >>> resolve_spec("eriktks/conll2003").kind
    'hub'
    """

    kind: Literal["embedded", "hub", "path"]
    name: str
    config: str | None = None

    def __str__(self) -> str:
        return self.name if self.config is None else f"{self.name}:{self.config}"


def resolve_spec(spec: str | PathLike[str]) -> CorpusSpec:
    """Decide from the form of a corpus name what it means; nothing is looked up.

    Raises:
        ConfigError: the name has none of the known forms.

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
    raise ConfigError(f"{text!r} is not the name of a corpus; write ./{text} for a local path, owner/name for the hub")


def _looks_local(text: str) -> bool:
    path = Path(text)
    has_local_start = text in (".", "..") or text.startswith(("./", "../", "~", ".\\", "..\\"))
    return has_local_start or path.is_absolute() or path.suffix.lower() in KNOWN_SUFFIXES


def _hub_spec(text: str) -> CorpusSpec:
    name, _, config = text.partition(":")
    return CorpusSpec("hub", name, config or None)


def list_embedded() -> list[str]:
    """Return the names of the corpora embedded in seqkit.

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
    hint = f"did you mean {suggested}?" if near else f"known are {', '.join(names) or 'none'}"
    raise CorpusError(f"no embedded corpus {name!r}; {hint} (for a local folder, write ./{name})")


def read_card(name: str) -> str:
    """Return the card of an embedded corpus: origin, licence, counts, annotation guideline.

    Raises:
        CorpusError: there is no such corpus; the message names similar ones.

    >>> read_card("ner-mini").startswith("# ")
    True
    """
    return _embedded_folder(name.removeprefix("embedded:")).joinpath("CARD.md").read_text(encoding="utf-8")


def corpus_files(spec: str | PathLike[str]) -> dict[str, Path]:
    """Return the files of an embedded or local corpus, by split; none for one of the hub or saved by ``datasets``.

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
    """Return whether a folder was written by ``save_to_disk`` of a ``Dataset`` or ``DatasetDict``.

    >>> is_saved(Path("nowhere"))
    False
    """
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


def _split_files(folder: Path) -> dict[str, Path]:
    found = find_split_files(folder, _can_be_rows)
    if not found and is_brat(folder):
        return {"train": folder}
    if not found:
        message = "no train, dev or test file of a known format in this folder"
        if (folder / "README.md").exists():
            message += f"; if it is a copy of a hub repository, write hub:{folder}"
        raise CorpusError(message, file=folder)
    return {split: path for split, (path,) in found.items()}


def _can_be_rows(path: Path) -> bool:
    """Return whether a file, or a folder of annotated texts, may hold the rows of a split if its name says so."""
    if is_brat(path):
        return path.suffix != ".txt"  # the annotations beside it are read
    suffix = path.suffix.lower()
    # A Universal Dependencies treebank has its plain text beside it, under the same name.
    is_companion = path.suffix == ".txt" and path.with_suffix(".conllu").exists()
    return (suffix in ("", *KNOWN_SUFFIXES) or suffix[1:] in SPLIT_WORDS) and not is_companion and path.is_file()
