"""The folder of a training run: written atomically, without pickles, and sufficient to use the model.

::

    run.json            format version, task, all settings, library versions, seed, corpus and its fingerprint, files
    model.safetensors   the best weights
    metrics.jsonl       a line per epoch
    report.json         the scores of the best weights
    learning_curve.png  loss and dev score over the epochs
    README.md           a model card
    resume/             the state that --resume needs; removed when training has finished

The folder also contains the files of the task, such as ``tokenizer.json`` and ``labels.json``. ``run.json`` lists all
files that belong to the run, so that overwriting the run removes these and nothing else.

Each file is written under a temporary name and then renamed, and a new run is assembled beside the old one, so that a
full disk or a power failure leaves the previous content intact. A folder is written only if it is absent, empty, or a
run that may be overwritten; files that are not the run's own are never touched.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.errors import CheckpointError, setting_ref
from seqkit.runs.atomic import keeps_place, replace_folder, write_file

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FORMAT_VERSION",
    "RESUME_VERSION",
    "RunFolder",
    "last_reason",
    "newest_run",
    "next_run_path",
    "resume_bytes",
    "tensor_bytes",
    "to_json",
]

FORMAT_VERSION = 1
RESUME_VERSION = 1
RESUME_FILE = "resume/state.safetensors"
RUN_FILE = "run.json"


class RunFolder:
    """Reads and writes a run folder.

    Args:
        path: the folder; it need not exist yet.

    >>> run = RunFolder(tempfile.mkdtemp())
    >>> run.create({"format_version": FORMAT_VERSION}, {"labels.json": "[]"})
    >>> run.write({"report.json": json.dumps({"f1": 0.9})})
    >>> run.read_json("report.json"), run.read_run()["files"]
    ({'f1': 0.9}, ['labels.json', 'report.json', 'run.json'])
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def has_model(self) -> bool:
        """Whether the folder contains a model."""
        return (self.path / "model.safetensors").is_file()

    @property
    def can_resume(self) -> bool:
        """Whether the folder contains an unfinished training run."""
        return (self.path / RESUME_FILE).is_file()

    def check_can_create(self, *, overwrite: bool = False) -> None:
        """Make sure that a new run may and can be written here, before hours of training.

        Args:
            overwrite: whether a run that is there already may be replaced.

        Raises:
            CheckpointError: if the folder is something else than a run, is a run that may not be replaced, or cannot be
                written.
        """
        target = self.path.resolve()
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            if not self._is_run:
                raise CheckpointError(
                    f"{self.path} exists and is not a run folder; choose another {setting_ref('out')}"
                )
            if not overwrite:
                remedy = f"replace it with {setting_ref('overwrite', True)}, or choose another {setting_ref('out')}"
                raise CheckpointError(f"{self.path} has a run already; {remedy}")
        where = target if keeps_place(target) else next(each for each in target.parents if each.exists())
        with _writing(self.path), tempfile.TemporaryDirectory(prefix=".", dir=where):
            pass

    @property
    def _is_run(self) -> bool:
        """Whether the folder contains a run of any version."""
        try:
            run = json.loads((self.path / RUN_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(run, dict) and "format_version" in run

    def create(self, header: Mapping[str, Any], files: Mapping[str, str | bytes], *, overwrite: bool = False) -> None:
        """Write a new run; files that do not belong to the old run are kept.

        Args:
            header: the content of ``run.json``, to which the list of files is added.
            files: the other files.
            overwrite: whether a run that is there already is replaced.

        Raises:
            CheckpointError: if the run must not be or cannot be written; what was there before is untouched.
        """
        self.check_can_create(overwrite=overwrite)
        names = sorted({RUN_FILE, *map(_top, files)})
        files = {RUN_FILE: to_json({**header, "files": names}), **files}
        owned = self._owned()
        target = self.path.resolve()  # follow a link: renaming the link itself would leave the run behind
        self._check_not_taken(names, owned)
        with _writing(self.path):
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_folder(target, files, owned)

    def _check_not_taken(self, names: Collection[str], owned: Collection[str]) -> None:
        """Make sure that files to be written are not somebody else's."""
        taken = [name for name in names if name not in owned and os.path.lexists(self.path / name)]
        if taken:
            raise CheckpointError(f"{self.path / taken[0]} is not a file of the run; move it, and try again")

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write or replace files of the run, each atomically; new files are listed in ``run.json`` first.

        Raises:
            CheckpointError: if the folder has no run, or a file cannot be written; its old version is untouched.
        """
        header = self.read_run()
        names = sorted({*header["files"], *map(_top, files)})
        if names != header["files"]:
            self._check_not_taken(names, self._owned())
            files = {RUN_FILE: to_json({**header, "files": names}), **files}
        for name, content in files.items():
            with _writing(self.path / name):
                write_file(self.path / name, content)

    def _owned(self) -> set[str]:
        """Return the names of the files and folders that belong to the current run."""
        try:
            names = self.read_run()["files"]
        except (CheckpointError, KeyError):
            names = []
        return {RUN_FILE, _top(RESUME_FILE), *(name for name in names if isinstance(name, str))}

    def discard_resume(self) -> None:
        """Remove the state of the unfinished training run, if any."""
        shutil.rmtree((self.path / RESUME_FILE).parent, ignore_errors=True)

    def read(self, name: str) -> str:
        """Return the text of a file.

        Raises:
            CheckpointError: if it is missing or cannot be read.
        """
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            remedy = "give the folder that 'seqkit train' printed" if self.path.is_dir() else "there is no such folder"
            raise CheckpointError(f"{self.path} is not a run: it has no {name}; {remedy}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{self.path / name} cannot be read: {error}") from None

    def read_json(self, name: str) -> Any:
        """Return the content of a JSON file.

        Raises:
            CheckpointError: if it is missing, cannot be read or is damaged.
        """
        try:
            return json.loads(self.read(name))
        except json.JSONDecodeError as error:
            raise CheckpointError(f"{self.path / name} is damaged: {error}; train again or restore the file") from None

    def read_run(self) -> dict[str, Any]:
        """Return the content of ``run.json``, after checking its format version.

        Raises:
            CheckpointError: if it is missing, damaged or of another version.
        """
        run = self.read_json(RUN_FILE)
        version = run.get("format_version") if isinstance(run, dict) else None
        if version != FORMAT_VERSION:
            raise CheckpointError(
                f"{self.path / RUN_FILE} has format version {version}; this seqkit reads version {FORMAT_VERSION}; "
                "use the seqkit version named in it, or train again"
            )
        return dict(run)

    def read_tensors(self, name: str = "model.safetensors") -> "tuple[dict[str, Tensor], dict[str, str]]":
        """Return the tensors of a safetensors file, and its metadata.

        Raises:
            CheckpointError: if it is missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = self.path / name
        if not path.is_file():
            raise CheckpointError(f"{self.path} has no {name}; give the folder that 'seqkit train' printed")
        try:
            with safe_open(path, framework="pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} is damaged: {error}; train again or restore the file") from None

    def read_resume(self) -> "tuple[dict[str, Tensor], dict[str, Any]]":
        """Return the tensors and values of an unfinished training run.

        Raises:
            CheckpointError: if there is none, or it is damaged or of another version.
        """
        if not self.can_resume:
            state = "its training has finished" if self.has_model else "it is not a run"
            raise CheckpointError(f"{self.path} cannot be resumed: {state}")
        tensors, metadata = self.read_tensors(RESUME_FILE)
        version = metadata.get("version")
        if version != str(RESUME_VERSION):
            raise CheckpointError(
                f"{self.path / RESUME_FILE} has version {version}; this seqkit resumes version {RESUME_VERSION}; "
                "resume with the seqkit version in run.json, or train again"
            )
        try:
            return tensors, json.loads(metadata["state"])
        except (KeyError, json.JSONDecodeError):
            raise CheckpointError(f"{self.path / RESUME_FILE} has no training state; train again") from None


def resume_bytes(tensors: "Mapping[str, Tensor]", values: Mapping[str, Any]) -> bytes:
    """Return the file of an unfinished training run, which ``RunFolder.read_resume`` reads."""
    return tensor_bytes(tensors, {"version": str(RESUME_VERSION), "state": json.dumps(values)})


def to_json(value: Any) -> str:
    """Return a value as the text of a JSON file; NaN and infinities raise ValueError.

    >>> to_json({"f1": 0.5})
    '{\\n "f1": 0.5\\n}\\n'
    """
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def tensor_bytes(tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a safetensors file as bytes."""
    from safetensors.torch import save

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(contiguous, None if metadata is None else dict(metadata))


def last_reason(error: Exception) -> str:
    """Return the last line of an error message; PyTorch's messages about mismatched weights have many lines."""
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    return str(message).strip().split("\n")[-1].strip(" .\t")


def next_run_path(task: str, parent: str | os.PathLike[str] = "runs") -> Path:
    """Create and return an empty folder ``runs/TASK``; if it exists, ``runs/TASK-2``, ``-3``, ….

    Raises:
        CheckpointError: if the folder cannot be created.
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
    """Return the run of one of these tasks whose model was saved last.

    Raises:
        CheckpointError: if there is none.
    """
    found: list[tuple[float, Path]] = []
    for model in Path(parent).glob("*/model.safetensors"):
        try:
            task = json.loads((model.parent / "run.json").read_text(encoding="utf-8")).get("task")
        except (OSError, ValueError, AttributeError):
            continue  # not a run, or a damaged one; loading it by name reports the damage
        if isinstance(task, str) and task in tasks:
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
            f"free some space or choose another {setting_ref('out')}"
        ) from error


def _top(name: str) -> str:
    """Return the first component of a path."""
    return name.partition("/")[0]
