"""Build src/assaymark/model/machine/vetted.txt from installed libraries and the hand-reviewed lists beside this script.

    python vet_globals.py collect OUT.json LIBRARY…     in each environment that holds libraries to vet (Python 3.7+)
    python vet_globals.py check LIBRARY…                there too: hand-written names that do not resolve
    python vet_globals.py write CURRENT.json… [--other OLDER.json…]

scripts/README.md names the environments. `collect` walks the modules of LIBRARIES below and takes a class only when
every one of these mechanical criteria holds; where code of the library would run, its name must stand in reviewed.txt:

- it is importable under its own `__module__` and `__qualname__`, which is how pickle writes it;
- its metaclass is `type`, `ABCMeta` or `EnumMeta`, and it has no `__getattr__`, `__getattribute__` or `__del__`;
- `new`: `__new__` is that of `object` or of a builtin data type, or was made by `collections.namedtuple`;
- `build`: `__setstate__` is absent or a builtin's, and then nothing that the default BUILD's setattr could reach
  runs code: no `__setattr__`, no property with a setter, no other data descriptor written in Python;
- `items`: a list, dict or set whose `append`, `extend`, `add` and `__setitem__` are the builtin's;
- an Enum gets `call` (a value is looked up), when `_missing_` is the standard one;
- a compiled class gets `call` where reviewed.txt has its `__reduce__`: such classes pickle as a call of themselves.

A class that gets no use is left out: what is not in the table is unknown and holds. Functions are listed as data only
(`type`) and only from the modules named under `functions`, when their source has none of the words of UNSAFE.
Nothing of this runs in the product; it imports the libraries, so run it on trusted wheels only.
"""

import argparse
import enum
import importlib
import inspect
import json
import os
import pkgutil
import re
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "..", "src", "assaymark", "model", "machine", "vetted.txt")
OTHER = "# ---- other versions of the libraries: names as they write them ----"
TABLE_VERSION = "1"

LIBRARIES = {
    # name: (modules whose classes are taken, modules left out, modules whose functions may be stored as data)
    "sklearn": (
        r"sklearn\..*",
        r".*\.(datasets|callback|externals|_build_utils|utils\._(mocking|testing|test_common|estimator_html_repr)"
        r"|utils\._(array_api|readonly_array_wrapper|typedefs|seq_dataset|vector_sentinel|weight_vector|plotting)"
        r"|utils\.(mocking|testing|seq_dataset|weight_vector|estimator_checks|_repr_html.*|fixes|deprecation|graph)"
        r"|metrics\._pairwise_distances_reduction.*|inspection.*|experimental.*|metrics\._plot.*|.*_plot.*)(\..*)?",
        r"sklearn\.(metrics\.(_classification|_regression|_ranking|pairwise|cluster\..*|classification|regression"
        r"|ranking)|feature_selection\._?(univariate_selection|mutual_info_?)|preprocessing\._?data"
        r"|feature_extraction\.text|utils\.extmath)",
    ),
    "imblearn": (r"imblearn\..*", r".*\.(datasets|utils\._|utils\.test|utils\.est|keras|tensorflow|metrics).*", r"$"),
    "scipy": (
        r"scipy\.(sparse\._?(bsr|coo|csc|csr|dia|dok|lil|base|data|compressed|matrix|index)"
        r"|interpolate\._?(bsplines|cubic|fitpack2|interpolate|rbfinterp|polyint|rgi|ndgriddata|rbf)"
        r"|optimize\._?optimize|signal\._?ltisys|spatial\.transform\._rotation|linalg\._?misc"
        r"|stats\._?(kde|stats_py|morestats|binned_statistic|common|qmc|stats_mstats_common))",
        r"$",
        r"scipy\.spatial\.distance",
    ),
    "torch": (
        r"torch\.(nn\.(modules|utils)\..*|optim(\..*)?|nn\.parallel\.data_parallel|amp\.grad_scaler|cuda\.amp\.grad_scaler|distributions\..*"
        r"|utils\.data\.(dataset|sampler))",
        r".*\.(_expanded_weights.*|_functions|lazy|_multi_tensor.*|_stateless|_per_sample_grad|_named_member_accessor"
        r"|linear_cross_entropy.*|distributions\.(constraint.*|kl|utils)|prune)(\..*)?",
        r"torch\.nn\.(functional|init)",
    ),
    "torchvision": (r"torchvision\.(models|ops|transforms)\..*", r".*\.(_api|_utils_video|v2.*|feature_extraction)", r"$"),
    "transformers": (
        r"transformers\.(training_args.*|trainer_utils|trainer_pt_utils|trainer_callback|modeling_outputs"
        r"|generation\.configuration_utils|activations|pytorch_utils|feature_extraction_utils"
        r"|utils\.(quantization_config|generic)|debug_utils|deepspeed"
        r"|integrations\.deepspeed)",
        r".*_tf",
        r"$",
    ),
    "trl": (r"trl\.trainer\..*_config", r"$", r"$"),
    "accelerate": (r"accelerate\.(state|utils\.(dataclasses|deepspeed))", r"$", r"$"),
    "peft": (r"peft\.(config|utils\.peft_types|tuners\..*\.config)", r"$", r"$"),
    "sentence_transformers": (r"sentence_transformers\.(.*\.)?training_args", r"$", r"$"),
    "xgboost": (r"xgboost\.(core|sklearn|callback)", r"$", r"$"),
    "lightgbm": (r"lightgbm\.(basic|sklearn|callback)", r"$", r"$"),
}

HAND_REVIEWED = ["numpy", "pandas", "joblib", "catboost", "tokenizers", "pyarrow"]
NOT_TAKEN = re.compile(
    r"torchvision\..*(Weights|_ModelURLs)|"
    r"transformers\.(activations\.ClassInstantier|trainer_callback\.(CallbackHandler|ProgressCallback)"
    r"|utils\.generic\.(ContextManagers|GeneralInterface)|trainer_pt_utils\.(EvalLoop|IterableDatasetShard).*"
    r"|debug_utils\.DebugUnder.*|feature_extraction_utils\.Feature.*)"
    r"|accelerate\.(state\.GradientState|utils\.deepspeed\.DeepSpeed.*)|scipy\.optimize\..*\.(Brent|MemoizeJac|_.*)|torch\.optim\.lr_scheduler\._[a-z].*"
)
"""Classes that pass the criteria and are yet left out: ClassInstantier calls what it holds when an item is read."""
NOT_WALKED = re.compile(r"(^|\.)(tests?|testing|conftest|setup|__main__|f2py|distutils|benchmarks?|cli|commands)(\.|$)")
UNSAFE = re.compile(
    r"(?<![.\w])(exec|eval|compile|open|__import__)\(|\b(import_module|import_string|popen|spawn\w*|urlopen|urlretrieve"
    r"|loads?|load_\w+|from_pretrained|from_file|hf_hub_download|snapshot_download|makedirs|mkdir|unlink|remove_file|rmtree"
    r"|Thread|Process|Popen|Pool|check_output|memmap|fromfile|tofile|read_\w+)\(|\b(subprocess|socket|pickle|requests"
    r"|importlib|runpy|ctypes|os\.(system|exec\w*|environ\[|remove|rename|kill))\b"
)
SPECIAL = re.compile(r"__(?!reduce|reduce_ex|getstate|getnewargs|deepcopy|copy|dir|init_subclass)\w+__$")
METACLASSES = {"builtins.type", "abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"}
TRUSTED = {"builtins", "abc", "typing", "collections.abc", "_collections_abc", "enum", "collections"}
INERT_DESCRIPTORS = {"member_descriptor", "getset_descriptor", "_tuplegetter", "_tuplegetter_compat"}


def full(cls):
    """Dotted name of a class."""
    return cls.__module__ + "." + cls.__qualname__


def read_reviewed():
    """Names of library methods that were read and found harmless; `module.*.method` speaks for a whole module."""
    with open(os.path.join(HERE, "reviewed.txt"), encoding="utf-8") as file:
        return {line.split()[0] for line in file if line.strip() and not line.startswith("#")}


class Judge:
    """Applies the criteria to one class at a time, and remembers what stood in the way."""

    def __init__(self, reviewed):
        self.reviewed = reviewed
        self.missing = {}

    def vouched(self, cls, attribute):
        """Whether the code behind `cls.attribute` is a builtin's or was reviewed."""
        owner = next((k for k in cls.__mro__ if attribute in vars(k)), None)
        return owner is None or self._reviewed(owner, attribute, cls)

    def _reviewed(self, owner, attribute, cls):
        if owner.__module__ in TRUSTED:
            return True
        if {full(owner) + "." + attribute, owner.__module__ + ".*." + attribute} & self.reviewed:
            return True
        self.missing.setdefault(full(owner) + "." + attribute, []).append(full(cls))
        return False

    def uses(self, cls):
        """The uses that the criteria grant."""
        meta = full(type(cls))
        if meta not in METACLASSES and meta not in self.reviewed:
            self.missing.setdefault("metaclass " + meta, []).append(full(cls))
            return []
        if issubclass(cls, type) or NOT_TAKEN.match(full(cls)):
            return []
        if not all(self.vouched(cls, name) for name in ("__getattr__", "__getattribute__", "__del__")):
            return []
        if issubclass(cls, enum.Enum):
            return ["call"] if self.vouched(cls, "_missing_") and cls.__members__ else []
        if not self._plain(cls):
            return []
        found = []
        if self._reduces_to_itself(cls):
            found.append("call")
        if _is_namedtuple(cls) or self.vouched(cls, "__new__"):
            found.append("new")
        if self._builds(cls):
            found.append("build")
        hooks = ("append", "extend", "add", "__setitem__")
        if "new" in found and issubclass(cls, (list, dict, set)) and all(self.vouched(cls, h) for h in hooks):
            found.append("items")
        return found

    def _plain(self, cls):
        """No special method of the class, which planted state could set off, uses a word of UNSAFE."""
        methods = [
            (k, name)
            for k in cls.__mro__
            for name, value in vars(k).items()
            if SPECIAL.match(name) and inspect.isfunction(value) and not _is_plain(value)
        ]
        return all([self._reviewed(k, name, cls) for k, name in methods])

    def _reduces_to_itself(self, cls):
        owner = next(k for k in cls.__mro__ if "__reduce__" in vars(k))
        names = {full(owner) + ".__reduce__", owner.__module__ + ".*.__reduce__"}
        return bool(names & self.reviewed)

    def _builds(self, cls):
        owner = next((k for k in cls.__mro__ if "__setstate__" in vars(k)), None)
        if owner is not None and owner.__module__ != "builtins":
            return self.vouched(cls, "__setstate__")
        setters = {
            name
            for k in cls.__mro__
            for name, value in vars(k).items()
            if hasattr(type(value), "__set__") and type(value).__name__ not in INERT_DESCRIPTORS
            if not (isinstance(value, property) and value.fset is None)
        }
        return all([self.vouched(cls, name) for name in sorted(setters) + ["__setattr__"]])


def _is_namedtuple(cls):
    for k in cls.__mro__:
        new = vars(k).get("__new__")
        if new is not None:
            code = getattr(getattr(new, "__func__", new), "__code__", None)
            return hasattr(k, "_fields") and code is not None and code.co_filename.startswith("<")
    return False


def modules_of(library):
    """Every module of an installed library that imports without complaint."""
    package = importlib.import_module(library)
    yield package
    for info in pkgutil.walk_packages(getattr(package, "__path__", []), library + ".", onerror=lambda _: None):
        if not NOT_WALKED.search(info.name):
            take, leave, functions = (re.compile(p) for p in LIBRARIES[library])
            if take.fullmatch(info.name) or functions.fullmatch(info.name):
                try:
                    yield importlib.import_module(info.name)
                except Exception:  # noqa: BLE001 - a part that needs something not installed is not vetted here
                    continue


def collect(library, judge):
    """module -> name -> uses of one library."""
    take, leave, functions = (re.compile(p) for p in LIBRARIES[library])
    table = {}
    for module in modules_of(library):
        for name, value in sorted(vars(module).items()):
            if getattr(value, "__module__", None) != module.__name__ or getattr(value, "__qualname__", "") != name:
                if not (type(value).__name__ == "ufunc" and functions.fullmatch(module.__name__)):
                    continue
            uses = None
            if isinstance(value, type):
                if take.fullmatch(module.__name__) and not leave.fullmatch(module.__name__):
                    uses = judge.uses(value) or None
            elif functions.fullmatch(module.__name__) and not name.startswith("_") and callable(value):
                uses = ["type"] if _is_plain(value) else None
            if uses:
                table.setdefault(module.__name__, {})[name] = " ".join(uses)
    return table


def _is_plain(function):
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or code.co_filename.startswith("<"):
        return True  # compiled, or generated by dataclasses or namedtuple
    try:
        return not UNSAFE.search(re.sub('(?s)""".*?"""', "", inspect.getsource(function)))
    except (OSError, TypeError):
        return False


def run_collect(out, libraries):
    """Write what one environment grants, with the versions it was seen in; print what stood in the way."""
    judge = Judge(read_reviewed())
    entries, versions = {}, {}
    for library in libraries:
        entries.update(collect(library, judge))
    for library in list(libraries) + HAND_REVIEWED:
        try:
            versions[library] = importlib.import_module(library).__version__.split("+")[0]
        except ImportError:
            continue
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"versions": versions, "entries": entries}, file, indent=0, sort_keys=True)
    for name, classes in sorted(judge.missing.items(), key=lambda item: -len(item[1])):
        print(len(classes), name, classes[0])
    print(sum(map(len, entries.values())), "entries", versions)


def parse(lines):
    """(current, other): module -> name -> uses, from the text of a table. Strict: see README.md."""
    parts = ({}, {})
    part, section = 0, None
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\n")
        if text == OTHER:
            part, section = 1, None
        elif text.startswith("[") and text.endswith("]"):
            section = parts[part].setdefault(text[1:-1], {})
        elif text and not text.startswith("#"):
            name, _, uses = text.partition(" ")
            if section is None or name in section or not uses:
                raise ValueError("line %d: %r" % (number, text))
            section[name] = uses
    return parts


def read_hand():
    """The hand-reviewed entries."""
    with open(os.path.join(HERE, "by_hand.txt"), encoding="utf-8") as file:
        return parse(file)


def run_check(libraries):
    """Print hand-written entries of these libraries that do not resolve here."""
    for module, names in sorted(read_hand()[0].items()):
        if module.split(".")[0] in libraries:
            for name in sorted(names):
                try:
                    value = importlib.import_module(module)
                    for part in name.split("."):
                        value = getattr(value, part)
                except (ImportError, AttributeError) as error:
                    print(module, name, error)


def merge(into, entries, known=()):
    """Add entries; a hand-written one wins over a mechanical one."""
    for module, names in entries.items():
        for name, uses in names.items():
            if not any(name in table.get(module, {}) for table in known):
                into.setdefault(module, {}).setdefault(name, uses)


def run_write(current, other):
    """Merge the parts and write the table."""
    now, before = read_hand()
    versions = {}
    for path in current + other:
        with open(path, encoding="utf-8") as file:
            part = json.load(file)
        if path in current:
            merge(now, part["entries"])
        else:
            merge(before, part["entries"], [now])
        for library, version in part["versions"].items():
            versions.setdefault(library, set()).add(version)
    with open(os.path.join(HERE, "header.txt"), encoding="utf-8") as file:
        header = file.read().rstrip("\n").replace("{version}", TABLE_VERSION)
    reviewed = ["#   %s %s" % (name, " ".join(sorted(seen, key=_version))) for name, seen in sorted(versions.items())]
    lines = header.replace("{reviewed}", "\n".join(reviewed)).split("\n")
    lines += _sections(now) + ["", OTHER] + _sections(before)
    with open(TABLE, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
    print(sum(map(len, now.values())), "+", sum(map(len, before.values())), "entries,", os.path.getsize(TABLE), "bytes")


def _version(text):
    return [int(part) if part.isdigit() else 0 for part in text.split(".")]


def _sections(table):
    lines = []
    for module in sorted(table):
        lines += ["", "[%s]" % module]
        lines += ["%s %s" % (name, table[module][name]) for name in sorted(table[module])]
    return lines


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description="Build the table of vetted globals.")
    parser.add_argument("command", choices=("collect", "check", "write"))
    parser.add_argument("names", nargs="+")
    parser.add_argument("--other", nargs="*", default=[])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.command == "collect":
        run_collect(arguments.names[0], arguments.names[1:])
    elif arguments.command == "check":
        run_check(arguments.names)
    else:
        run_write(arguments.names, arguments.other)


if __name__ == "__main__":
    sys.exit(main())
