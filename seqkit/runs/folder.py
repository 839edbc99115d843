"""The folder a training leaves behind: written atomically, never a pickle, usable from its files alone.

::

    run.json            format version, task, every config value, library versions, seed, corpus and its fingerprint
    tokenizer.json      word rules and vocabulary, readable by the tokenizers library
    characters.json     character vocabulary
    affixes.json        prefix and suffix vocabulary
    labels.json         labels and their scheme
    language_model.json the language model that a tagger reads, but for its weights
    model.safetensors   the best weights
    metrics.jsonl       a line an epoch
    report.json         scores of the best weights
    learning_curve.png  loss and dev score over the epochs
    README.md           a model card
    resume/             what --resume needs; gone once training has finished

A file is written beside its place and renamed into it, and a new run is put together beside the old one, so that a
full disk or a lost power supply leaves what was there before.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORMAT_VERSION", "RunFolder", "newest_run", "next_run_path"]

FORMAT_VERSION = 1
RESUME_FILE = "resume/state.safetensors"
OWN_FILES = frozenset(
    {
        "run.json",
        "tokenizer.json",
        "characters.json",
        "affixes.json",
        "labels.json",
        "ngrams.json",
        "pieces.json",
        "calibration.json",
        "language_model.json",
        "model.safetensors",
        "metrics.jsonl",
        "report.json",
        "learning_curve.png",
        "reliability.png",
        "README.md",
        "resume",
    }
)


class RunFolder:
    """Reads and writes a run folder.

    Args:
        path: the folder; it need not exist yet.

    >>> run = RunFolder(tempfile.mkdtemp())
    >>> run.write({"report.json": json.dumps({"f1": 0.9})})
    >>> run.read_json("report.json")
    {'f1': 0.9}
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def has_model(self) -> bool:
        """Whether a model is saved here."""
        return (self.path / "model.safetensors").is_file()

    @property
    def can_resume(self) -> bool:
        """Whether an unfinished training is saved here."""
        return (self.path / RESUME_FILE).is_file()

    def create(self, files: Mapping[str, str | bytes]) -> None:
        """Put a whole new run in the place of an old one, in one rename; files that are not a run's stay.

        Raises:
            CheckpointError: where it cannot be written; what was there before is untouched.
        """
        place = self.path.resolve()  # where a link points to; renaming the link would leave the run behind
        with _writing(self.path):
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
            try:
                fresh.chmod(0o777 & ~_umask())
                for name, content in files.items():
                    _write(fresh / name, content)
                _replace(place, fresh)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write or replace files, each atomically.

        Raises:
            CheckpointError: where one cannot be written; its old version is untouched.
        """
        for name, content in files.items():
            with _writing(self.path / name):
                _write(self.path / name, content)

    def discard_resume(self) -> None:
        """Forget the unfinished training."""
        shutil.rmtree((self.path / RESUME_FILE).parent, ignore_errors=True)

    def read(self, name: str) -> str:
        """The text of a file.

        Raises:
            CheckpointError: where it is missing or not readable.
        """
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            remedy = "give the folder that 'seqkit train' named" if self.path.is_dir() else "there is no such folder"
            raise CheckpointError(f"{self.path} is not a run: it holds no {name}; {remedy}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{self.path / name} cannot be read: {error}") from None

    def read_json(self, name: str) -> Any:
        """The content of a JSON file; errors as for ``read``."""
        try:
            return json.loads(self.read(name))
        except json.JSONDecodeError as error:
            raise CheckpointError(f"{self.path / name} is damaged: {error}; train again or restore the file") from None

    def read_run(self) -> dict[str, Any]:
        """``run.json``, its format version checked.

        Raises:
            CheckpointError: where it is missing, damaged or of another version.
        """
        run = self.read_json("run.json")
        version = run.get("format_version") if isinstance(run, dict) else None
        if version != FORMAT_VERSION:
            raise CheckpointError(
                f"{self.path / 'run.json'} has format version {version}; this seqkit reads version {FORMAT_VERSION}; "
                "use the seqkit version named in it, or train again"
            )
        return dict(run)

    def read_tensors(self, name: str = "model.safetensors") -> "tuple[dict[str, Tensor], dict[str, str]]":
        """Tensors of a safetensors file, and its metadata.

        Raises:
            CheckpointError: where it is missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = self.path / name
        if not path.is_file():
            raise CheckpointError(f"{self.path} holds no {name}; give the folder that 'seqkit train' named")
        try:
            with safe_open(path, framework="pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} is damaged: {error}; train again or restore the file") from None

    def read_resume(self) -> "tuple[dict[str, Tensor], dict[str, Any]]":
        """Tensors and values of an unfinished training.

        Raises:
            CheckpointError: where there is none, or it is damaged.
        """
        if not self.can_resume:
            state = "its training has finished" if self.has_model else "it holds no run"
            raise CheckpointError(f"{self.path} cannot be resumed: {state}")
        tensors, metadata = self.read_tensors(RESUME_FILE)
        try:
            return tensors, json.loads(metadata["state"])
        except (KeyError, json.JSONDecodeError):
            raise CheckpointError(f"{self.path / RESUME_FILE} holds no state of a training; train again") from None


def tensor_bytes(tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file as bytes."""
    from safetensors.torch import save

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(contiguous, None if metadata is None else dict(metadata))


def last_reason(error: Exception) -> str:
    """One line of an error; PyTorch's, when weights do not fit a model, have one for each of them."""
    return str(error).strip().split("\n")[-1].strip(" .\t")


def next_run_path(task: str, parent: str | os.PathLike[str] = "runs") -> Path:
    """Reserve ``runs/TASK``, or ``runs/TASK-2``, ``-3``, … where that is taken, by making it an empty folder.

    Raises:
        CheckpointError: where no folder can be made there.
    """
    number = 1
    while True:
        path = Path(parent) / (task if number == 1 else f"{task}-{number}")
        with _writing(path):
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                number += 1
            else:
                return path


def newest_run(tasks: set[str], parent: str | os.PathLike[str] = "runs") -> Path:
    """The run in ``runs`` of one of some tasks whose model was saved last.

    Raises:
        CheckpointError: where there is none.
    """
    found: list[tuple[float, Path]] = []
    for model in Path(parent).glob("*/model.safetensors"):
        try:
            task = json.loads((model.parent / "run.json").read_text(encoding="utf-8")).get("task")
        except (OSError, ValueError, AttributeError):
            continue  # not a run of ours, or a damaged one: naming it on the command line tells which
        if task in list(tasks):  # whatever JSON it is, a list too
            found.append((model.stat().st_mtime, model.parent))
    if not found:
        kinds = " or ".join(sorted(tasks))
        raise CheckpointError(f"no {kinds} run in {Path(parent)}/; train one first, or name its folder")
    return max(found)[1]


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written: {error.strerror or error}; what was saved before is untouched; "
            "free some space or choose another folder with --out"
        ) from error


def _write(path: Path, content: str | bytes) -> None:
    """Write beside the place, bring it to the disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _replace(place: Path, fresh: Path) -> None:
    """Move a new run into the place of an old one, and what is not a run's into it; one failure takes all back."""
    old = fresh.with_name(f"{fresh.name}-old")
    with ExitStack() as undo:

        def move(source: Path, target: Path) -> None:
            source.rename(target)
            undo.callback(target.rename, source)

        if place.exists():
            move(place, old)
        move(fresh, place)
        for other in list(old.iterdir()) if old.exists() else ():
            if other.name not in OWN_FILES:
                move(other, place / other.name)
        undo.pop_all()
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
