"""Where a class or function that a Keras configuration names comes from, and what naming it can do.

Keras before 3.9 imports any module that a configuration names and takes any attribute of it (CVE-2025-1550); later
versions import Keras' own packages only, which hold `get_file` and the switch of safe mode (CVE-2025-8747, CVE-2025-9906).
The format before Keras 3 finds names in tables that the loading program fills: it imports nothing.
"""

from enum import StrEnum

from assaymark.model.keras.names import CLASSES, FUNCTIONS, words


class Origin(StrEnum):
    """Who made what the configuration names."""

    OWN = "own"
    """Keras: layers, losses, optimizers and the like."""
    ACTS = "acts"
    """Anybody: it runs commands, opens files, loads code or unlocks what does."""
    CUSTOM = "custom"
    """Code of a module or registered package that is not in the file."""
    NAMED = "named"
    """A bare name: only the loading program can give it a meaning."""


_PACKAGES = frozenset({"keras", "tf_keras", "keras_core", "keras_hub", "keras_nlp", "keras_cv", "keras_rs"})
_TENSORFLOW_KERAS = (
    "tensorflow.keras.",
    "tensorflow.python.keras.",
    "tensorflow.compat.v1.keras.",
    "tensorflow.compat.v2.keras.",
)
_TENSORFLOW_SPECS = frozenset({"TensorSpec", "RaggedTensorSpec", "SparseTensorSpec", "IndexedSlicesSpec"})
_TENSORFLOW_FILES = words("""
    read_file write_file matching_files py_function py_func numpy_function eager_py_func load_op_library load_library
    load_file_system_library load restore save GFile delete_recursively rename copy remove
""")

_NUMERIC_PARTS = words("""
    activations backend constraints initializers layers losses metrics nn ops optimizers quantizers random regularizers
""")
"""Parts of Keras whose functions compute: `keras.ops`, `keras.src.losses` and so on."""
_NUMERIC_UTILITIES = words("""
    array_to_img img_to_array normalize pad_sequences preprocess_input to_categorical unpack_x_y_sample_weight
    pack_x_y_sample_weight swish
""")
_KERAS_ACTS = words("""
    audio_dataset_from_directory clear_session deserialize deserialize_keras_object enable_unsafe_deserialization
    extract_archive func_dump func_load get_custom_objects get_file image_dataset_from_directory load_data load_img
    load_model load_weights model_from_config model_from_json model_from_yaml plot_model register_keras_serializable
    save_img save_model save_weights set_backend text_dataset_from_directory urlopen urlretrieve
""")
"""Keras' own functions that read, write, download or load, or switch safe mode off (its NON_MODELING_APIS, and more)."""
_KERAS_DOORS = words("export file_utils io_utils python_utils saving saving_lib serialization_lib")
"""Parts of Keras whose functions do nothing else."""

_ACTING_MODULES = words("""
    _io _posixsubprocess _thread asyncio bdb cProfile cffi cloudpickle code codeop commands compileall concurrent ctypes
    dill distutils fileinput ftplib functools glob gzip http httplib imaplib imp importlib inspect io joblib logging
    marshal mmap multiprocessing nt numpy.distutils numpy.f2py numpy.fromfile numpy.genfromtxt numpy.lib.npyio numpy.load
    numpy.loadtxt numpy.memmap numpy.save numpy.savetxt numpy.savez numpy.testing operator os pandas.eval pandas.io
    pandas.read_pickle pathlib pdb pexpect pickle pip pkg_resources pkgutil platform poplib popen2 posix profile pty
    py_compile pydoc readline requests rlcompleter runpy setuptools shelve shutil signal site six.moves smtplib socket
    socketserver sqlite3 ssl subprocess sys tarfile telnetlib tempfile threading timeit torch.hub torch.jit torch.load
    torch.package torch.save torch.serialization torch.utils trace types unittest urllib urllib2 urllib3 venv webbrowser
    wsgiref xmlrpc yaml zipapp zipfile zipimport
""")
"""Modules and functions that nothing in a model needs: the doors of the standard library, loaders of code, network clients."""
_ACTING_BUILTINS = words("""
    __build_class__ __import__ apply breakpoint classmethod compile delattr dir eval exec execfile exit filter getattr
    globals hasattr help input license locals map memoryview open property quit raw_input reduce setattr staticmethod
    super type vars
""")

_INSIDE = words("""
    builtins ctypes importlib marshal multiprocessing os pathlib pickle posix pty requests runpy shutil socket subprocess sys
    tarfile tempfile threading urllib webbrowser zipfile
""")
"""Modules that parts of Keras and TensorFlow import, and which can be named through those."""
_CALLED_BY_NAME = words("__import__ compile eval exec execfile getattr globals open")
_FILE_OPERATIONS = words("io_ops gen_io_ops script_ops gen_script_ops gen_summary_ops gen_debug_ops")
"""Parts of TensorFlow whose operations read and write files or call Python."""

ACTING_OPERATIONS = words("""
    readfile writefile matchingfiles wholefilereader wholefilereaderv2 pyfunc eagerpyfunc pyfuncstateless pyfunction
    numpyfunction loadoplibrary loadlibrary save savev2 saveslices restore restorev2 restoreslice mergev2checkpoints
    importgraphdef fixedlengthrecorddataset fixedlengthreader textlinedataset textlinereader tfrecorddataset
    tfrecordreader debugidentity dumptofile filewriter writesummary initializetablefromtextfile
    initializetablefromtextfilev2
""")
"""Operations of TensorFlow that read or write files, or call Python; lower case, without underscores."""


def origin(module: str, name: str, registered: str, *, function: bool) -> Origin:  # noqa: PLR0911 - one line a place
    """Judge one reference: the module (empty where there is none), the name in it, and the registered name."""
    full = f"{module}.{name}" if module else name
    leaf = full.rsplit(".", 1)[-1]
    if not module or module in {"builtins", "__builtin__", "__main__"}:
        if module and leaf in _ACTING_BUILTINS:
            return Origin.ACTS
        if function and leaf in _CALLED_BY_NAME:
            return Origin.ACTS
        return _unimported(name, registered)
    if not _INSIDE.isdisjoint(full.split(".")[1:]):
        return Origin.ACTS
    package, mark, _ = registered.rpartition(">")
    if mark and package.lower().split(".")[0] not in _PACKAGES and full.split(".", 1)[0] in _PACKAGES:
        return Origin.CUSTOM
    if full.split(".", 1)[0] in _PACKAGES or full.startswith(_TENSORFLOW_KERAS):
        return _in_keras(full, leaf, function=function or leaf[:1].islower())
    if full.startswith("tensorflow."):
        return _in_tensorflow(full, leaf)
    parts = full.split(".")
    acts = any(".".join(parts[:end]) in _ACTING_MODULES for end in range(1, min(len(parts), 8) + 1))
    return Origin.ACTS if acts else Origin.CUSTOM


def _unimported(name: str, registered: str) -> Origin:
    """A name that Keras looks up among what is registered: `package>Name`, or bare."""
    for known in (registered, name):
        package, mark, rest = known.rpartition(">")
        if mark and not (package.lower().split(".")[0] in _PACKAGES or (package == "Custom" and rest in CLASSES)):
            return Origin.CUSTOM
        if mark:
            return Origin.OWN
    return Origin.OWN if name in CLASSES or name in FUNCTIONS else Origin.NAMED


def _in_keras(full: str, leaf: str, *, function: bool) -> Origin:
    parts = full.split(".")[:-1]
    if not function and "applications" not in parts:  # its functions are named like classes, and load weights
        return Origin.OWN
    if leaf in _KERAS_ACTS or not _KERAS_DOORS.isdisjoint(parts):
        return Origin.ACTS
    numeric = leaf in _NUMERIC_UTILITIES or leaf in FUNCTIONS or not _NUMERIC_PARTS.isdisjoint(parts)
    return Origin.OWN if numeric else Origin.CUSTOM


def _in_tensorflow(full: str, leaf: str) -> Origin:
    lower = leaf.replace("_", "").lower()
    raw = ".raw_ops." in full and any(lower == name.replace("_", "").lower() for name in _TENSORFLOW_FILES)
    if (
        leaf in _TENSORFLOW_FILES
        or raw
        or not _FILE_OPERATIONS.isdisjoint(full.split("."))
        or ".gfile." in full
        or ".file_io." in full
    ):
        return Origin.ACTS
    computes = full.startswith(("tensorflow.nn.", "tensorflow.math.", "tensorflow.python.ops.", "tensorflow.image."))
    return Origin.OWN if computes or leaf in _TENSORFLOW_SPECS else Origin.CUSTOM
