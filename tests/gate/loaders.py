"""Shows that a case really runs something: the genuine loader opens it here, and only the effect is recorded.

Run as a child: reads `LOADER PATH` a line, answers `yes`, `no`, or `without` (the library is not installed) a line. Each
case is loaded in a process of its own, with little memory and time. The effect is a call of `os.getcwd`, which is replaced
by a recorder, or one of the audit events below, which are refused. The streams of tests/model/bypasses.py have a child of
their own with nothing to open (executing.py).
"""

import contextlib
import importlib
import os
import posix
import resource
import sys
import warnings
from collections.abc import Callable

EVENTS = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.connect",
    "socket.getaddrinfo",
    "pty.spawn",
)
OWN_USE = frozenset({"posixpath", "pathlib", "tempfile", "multiprocessing.process", "rich"})
"""Modules that ask where they are while libraries load."""
effects: list[str] = []
armed = False


def recorder(*_arguments: object, **_options: object) -> str:
    if sys._getframe(1).f_globals.get("__name__") not in OWN_USE:
        effects.append("os.getcwd")
    return "/"


def hook(event: str, arguments: tuple[object, ...]) -> None:
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if armed and (event.startswith(EVENTS) or writes):
        effects.append(event)
        raise PermissionError(event)


def _pickle(path: str) -> None:
    import pickle

    with open(path, "rb") as file:
        pickle.load(file)


def _joblib(path: str) -> None:
    import joblib

    joblib.load(path)


def _numpy(path: str) -> None:
    import numpy as np

    found = np.load(path, allow_pickle=True)
    for name in getattr(found, "files", ()):
        with contextlib.suppress(Exception):
            found[name]


def _pandas(path: str) -> None:
    import pandas as pd

    pd.read_pickle(path)


def _torch(path: str) -> None:
    import torch

    torch.load(path, weights_only=False)


def _yaml(path: str) -> None:
    import yaml

    with open(path, encoding="utf-8") as file:
        yaml.load(file, Loader=yaml.UnsafeLoader)  # noqa: TID251 - the loader that runs code is what is shown


def _jinja(path: str) -> None:
    import jinja2

    with open(path, encoding="utf-8") as file:
        jinja2.Template(file.read()).render(messages=[{"role": "user", "content": "x"}])


def _python(path: str) -> None:
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, {"__name__": "loaded", "__file__": path})


def _keras(path: str) -> None:
    """What `load_model(…, safe_mode=False)` makes of the architecture, and one use of it; there are no weights."""
    import json
    import zipfile

    import keras

    keras.config.enable_unsafe_deserialization()
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    keras.saving.deserialize_keras_object(config, safe_mode=False)(keras.ops.zeros((1, 4)))


def _skops(path: str) -> None:
    import skops.io

    skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


def _hydra(path: str) -> None:
    import hydra.utils
    from omegaconf import OmegaConf

    hydra.utils.instantiate(OmegaConf.load(path))


LOADERS: dict[str, tuple[str, Callable[[str], None]]] = {
    "pickle": ("pickle", _pickle),
    "joblib": ("joblib", _joblib),
    "numpy": ("numpy", _numpy),
    "pandas": ("pandas", _pandas),
    "torch": ("torch", _torch),
    "yaml": ("yaml", _yaml),
    "jinja": ("jinja2", _jinja),
    "python": ("builtins", _python),
    "keras": ("keras", _keras),
    "skops": ("skops", _skops),
    "hydra": ("hydra.utils", _hydra),
}


def installed(loader: str) -> bool:
    """Import it before the hook watches; False where it is not there."""
    try:
        importlib.import_module(LOADERS[loader][0])
    except ImportError:
        return False
    return True


def executes(loader: str, path: str) -> bool:
    """In a process of its own: a file may leave anything behind."""
    global armed
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        armed = True
        with contextlib.suppress(BaseException):  # many run something, then break
            LOADERS[loader][1](path)
    finally:
        os._exit(42 if effects else 0)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.getcwd = posix.getcwd = recorder
    sys.addaudithook(hook)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    for line in sys.stdin:
        name, _, place = line.rstrip("\n").partition(" ")
        print(("yes" if executes(name, place) else "no") if installed(name) else "without", flush=True)
