"""The folder of a training run: written atomically, without pickles, and sufficient to use the model.

::

    run.json            format version, task, all settings, library versions, seed, corpus and its fingerprint, files
                        and their checksums
    model.safetensors   the best weights
    metrics.jsonl       a line per epoch
    report.json         the scores of the best weights
    learning_curve.png  loss and dev score over the epochs
    README.md           a model card
    resume/             the state that --resume needs; removed when training has finished

The folder also contains the files of the task, such as ``tokenizer.json`` and ``labels.json``. ``run.json`` lists all
files that belong to the run, so that overwriting the run removes these and nothing else.

Each file is written under a temporary name and then renamed, and a new run is put in place of the old one in one step,
so that a full disk, a killed process or a power failure leaves one whole run (``seqkit.runs.atomic``). A folder is
written only if it is absent, empty, or a run that may be overwritten, by one process at a time (``seqkit.runs.lock``);
files that are not the run's own are never touched.
"""

import json
import os
import shutil
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.errors import CheckpointError, SeqkitWarning, setting_ref
from seqkit.runs.atomic import READY, is_temporary, remove_temporaries, replace_folder, settle, write_files
from seqkit.runs.format import FORMAT_VERSION, RUN_FILE, checksum, sealed, to_json
from seqkit.runs.lock import FolderLock
from seqkit.runs.reader import CARD, RESUME_FILE, RESUME_VERSION, RunReader

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FORMAT_VERSION",
    "RESUME_FILE",
    "RESUME_VERSION",
    "RUN_FILE",
    "RunFolder",
    "last_reason",
    "newest_run",
    "next_run_path",
    "resume_bytes",
    "tensor_bytes",
    "to_json",
]

_OURS = ("task", "seed", "settings", "corpus", "versions", "examples")  # what tells one run from another in run.json


class RunFolder(RunReader):
    """Reads and writes a run folder.

    Args:
        path: the folder; it need not exist yet.
        verify: whether to compare what is read with the checksums in ``run.json``.

    >>> import tempfile
    >>> run = RunFolder(tempfile.mkdtemp())
    >>> run.create({}, {"labels.json": "[]"})
    >>> run.write({"report.json": json.dumps({"f1": 0.9})})
    >>> run.read_json("report.json"), run.read_run()["files"]
    ({'f1': 0.9}, ['labels.json', 'report.json', 'run.json'])
    """

    def __init__(self, path: str | os.PathLike[str], *, verify: bool = True) -> None:
        super().__init__(path, verify=verify)
        self._lock: FolderLock | None = None
        self._written: Mapping[str, Any] | None = None  # run.json, as it was written under this lock

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others from writing the folder within a block, and complete what a killed process has left.

        The folder is made if it is absent, and removed afterwards if it is still empty. Blocks can be nested.

        Raises:
            CheckpointError: if another process is writing the folder, or it is something else than a run, or it cannot
                be written.
        """
        if self._lock is not None:
            yield
            return
        self._check_is_ours()
        with _writing(self.path):
            # Follow a link: replacing the link itself would leave the run behind.
            self._lock = FolderLock.acquire(self._real_path)
        try:
            with _writing(self.path):
                self._recover(self._lock.folder)
            yield
        finally:
            self._lock.release()
            self._lock = self._written = None

    def _recover(self, target: Path) -> None:
        """Complete or remove what a killed process has left behind."""
        owned = {name for name in _listed(target / RUN_FILE) if name not in (CARD, RUN_FILE)}
        if (target / READY / RUN_FILE).is_file():
            settle(target, _listed(target / READY / RUN_FILE), {*_listed(target / RUN_FILE)})
        remove_temporaries(target, owned)

    def _check_is_ours(self) -> None:
        """Make sure that the folder is absent, empty or a run.

        Raises:
            CheckpointError: if it is something else.
        """
        if not self._is_free and not self._is_run:
            raise CheckpointError(f"{self.path} exists and is not a run folder; choose another {setting_ref('out')}")

    def check_can_create(self, *, overwrite: bool = False) -> None:
        """Make sure that a new run may and can be written here, before hours of training.

        Args:
            overwrite: whether a run that is there already may be replaced.

        Raises:
            CheckpointError: if the folder is something else than a run, is a run that may not be replaced, cannot be
                written, or is being written by another process.
        """
        with self.locked():
            if self._is_free:
                return
            if not overwrite:
                remedy = f"replace it with {setting_ref('overwrite', True)}, or choose another {setting_ref('out')}"
                raise CheckpointError(f"{self.path} has a run already; {remedy}")
            self._check_not_taken([CARD], self._owned())

    @property
    def _real_path(self) -> Path:
        return Path(os.path.realpath(self.path))

    @property
    def _is_free(self) -> bool:
        """Whether there is nothing in the folder."""
        if not os.path.lexists(self._real_path):
            return True
        with suppress(OSError):
            names = [each for each in self.path.iterdir() if not is_temporary(each.name)]
            return not names and not (self.path / READY / RUN_FILE).is_file()
        return False

    @property
    def _is_run(self) -> bool:
        """Whether the folder contains a run of any version."""
        return "format_version" in _run_of(self._place(RUN_FILE))

    def create(self, header: Mapping[str, Any], files: Mapping[str, str | bytes], *, overwrite: bool = False) -> None:
        """Write a new run; files that do not belong to the old run are kept.

        Args:
            header: the content of ``run.json``, to which the format version and the list of files are added.
            files: the other files.
            overwrite: whether a run that is there already is replaced.

        Raises:
            CheckpointError: if the run must not be or cannot be written; what was there before is untouched.
        """
        with self.locked():
            self.check_can_create(overwrite=overwrite)
            target = self._target()
            names = sorted({RUN_FILE, *map(_top, files)})
            contents = {name: _encoded(content) for name, content in files.items()}
            checksums = {name: checksum(content) for name, content in contents.items()}
            run = {**header, "format_version": FORMAT_VERSION, "files": names, "sha256": checksums}
            owned = self._owned()
            self._check_not_taken(names, owned)
            with _writing(self.path):
                replace_folder(target, {RUN_FILE: sealed(run).encode(), **contents}, owned)
            self._written = run

    def _target(self) -> Path:
        """Return the path of the folder, after making sure that it is the one that was locked."""
        assert self._lock is not None
        self._lock.check()
        return self._lock.folder

    def _check_not_taken(self, names: Collection[str], owned: Collection[str]) -> None:
        """Make sure that files to be written are not somebody else's."""
        taken = [name for name in names if name not in owned and os.path.lexists(self.path / name)]
        if taken:
            what = "was edited" if taken[0] == CARD and self._is_run else "is not a file of the run"
            raise CheckpointError(f"{self.path / taken[0]} {what}; move it, and try again")

    def write(self, files: Mapping[str, str | bytes], header: Mapping[str, Any] | None = None) -> None:
        """Write or replace files of the run, each atomically, and their checksums in ``run.json``.

        ``run.json`` has both checksums of a file while it is replaced, so that the run is whole at each moment. A model
        card that was edited is kept.

        Args:
            files: the files.
            header: the new content of ``run.json``; None keeps it.

        Raises:
            CheckpointError: if the folder has no run or another run than before, or a file cannot be written; its old
                version is untouched.
        """
        with self.locked():
            run = self._current()
            if CARD in files and self._card_was_edited(run):
                message = f"{self.path / CARD} was edited, and is kept; its scores may be old"
                warnings.warn(message, SeqkitWarning, stacklevel=2)
                files = {name: content for name, content in files.items() if name != CARD}
            names = sorted({*run.get("files", ()), RUN_FILE, *map(_top, files)})
            self._check_not_taken(sorted(set(map(_top, files))), self._owned())
            contents = {name: _encoded(content) for name, content in files.items()}
            old, new = run["sha256"], {name: checksum(content) for name, content in contents.items()}
            both = {name: [*_as_list(old[name]), found] for name, found in new.items() if name in old}
            run = {**run, **(header or {}), "format_version": FORMAT_VERSION, "files": names}
            before, after = {**run, "sha256": {**old, **new, **both}}, {**run, "sha256": {**old, **new}}
            with _writing(self.path):
                stages = [{RUN_FILE: sealed(before).encode()}, contents, {RUN_FILE: sealed(after).encode()}]
                write_files(self._target(), stages if contents else stages[2:])
            self._written = after

    def _current(self) -> dict[str, Any]:
        """Return the content of ``run.json``, after making sure that it is still that of the run written before."""
        self._target()
        run = self.read_run()
        before = run if self._written is None else self._written
        if any(json.dumps(run.get(name)) != json.dumps(before.get(name)) for name in _OURS):
            raise CheckpointError(
                f"{self.path / RUN_FILE} was replaced by that of another run meanwhile; nothing more is written into it"
            )
        self._written = run
        return run

    def _card_was_edited(self, run: Mapping[str, Any]) -> bool:
        expected = run["sha256"].get(CARD)
        try:
            return expected is not None and checksum((self.path / CARD).read_bytes()) not in _as_list(expected)
        except OSError:
            return False

    def _owned(self) -> set[str]:
        """Return the names of the files and folders that belong to the current run."""
        run = _run_of(self.path / RUN_FILE)
        checksums = run.get("sha256")
        edited = isinstance(checksums, dict) and self._card_was_edited({"sha256": checksums})
        return {RUN_FILE, _top(RESUME_FILE), *_names(run)} - ({CARD} if edited else set())

    def discard_resume(self) -> None:
        """Remove the state of the unfinished training run, if any."""
        with self.locked():
            run = self._current()
            top = _top(RESUME_FILE)
            shutil.rmtree(self._target() / top, ignore_errors=True)
            checksums = {name: found for name, found in run["sha256"].items() if _top(name) != top}
            files = [name for name in run.get("files", ()) if name != top]
            if (checksums, files) != (run["sha256"], run.get("files")):
                with _writing(self.path):
                    self._written = {**run, "format_version": FORMAT_VERSION, "files": files, "sha256": checksums}
                    write_files(self._target(), [{RUN_FILE: sealed(self._written).encode()}])


def resume_bytes(tensors: "Mapping[str, Tensor]", values: Mapping[str, Any]) -> bytes:
    """Return the file of an unfinished training run, which ``RunFolder.read_resume`` reads."""
    return tensor_bytes(tensors, {"version": str(RESUME_VERSION), "state": json.dumps(values)})


def tensor_bytes(tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a safetensors file as bytes."""
    from safetensors.torch import save

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(contiguous, None if metadata is None else dict(metadata))


def last_reason(error: BaseException) -> str:
    """Return the last line of an error message; PyTorch's messages about mismatched weights have many lines."""
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    lines = str(message).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip(" .\t")


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

    Folders that are no runs, or are damaged, are passed over; loading them by name reports the damage.

    Raises:
        CheckpointError: if there is none.
    """
    found: list[tuple[float, Path]] = []
    with suppress(OSError):
        for path in sorted(Path(parent).iterdir()):
            with suppress(OSError, CheckpointError):
                run = RunFolder(path, verify=False)
                task = run.read_header().get("task") if run.has_model else None
                if isinstance(task, str) and task in tasks:
                    found.append((run.saved_at, path))
    if not found:
        kinds = " or ".join(sorted(tasks))
        raise CheckpointError(f"no {kinds} run in {Path(parent)}/; train one first, or name its folder")
    return max(found)[1]


def _run_of(path: Path) -> dict[str, Any]:
    """Return the content of this very ``run.json``, of any version; nothing if it cannot be read."""
    with suppress(CheckpointError):
        return _OneFolder(path.parent, verify=False).read_header(path.name)
    return {}


class _OneFolder(RunReader):
    """Reads what is in a folder itself, even if another run is about to move into it."""

    def _place(self, name: str) -> Path:
        return self.path / name


def _listed(path: Path) -> list[str]:
    """Return the names of the files and folders that a ``run.json`` lists."""
    return _names(_run_of(path))


def _names(run: Mapping[str, Any]) -> list[str]:
    """Return the listed names of a run; a name that leads out of the folder is none of its files."""
    names = run.get("files")
    plain = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [name for name in plain if Path(name).name == name and not is_temporary(name) and "\0" not in name]


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written: {error.strerror or error}; what was saved before is untouched; "
            f"free some space or choose another {setting_ref('out')}"
        ) from error


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _encoded(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _top(name: str) -> str:
    """Return the first component of a path."""
    return name.partition("/")[0]
