"""Build src/assaymark/model/machine/vetted.txt from installed libraries and the hand-reviewed lists beside this script.

    python vet_globals.py collect OUT.json LIBRARY...   in each environment that holds libraries to vet (Python 3.7+)
    python vet_globals.py check LIBRARY...              there too: hand-written names that do not resolve
    python vet_globals.py write CURRENT.json... [--other OLDER.json...]

README.md names the environments. `collect` walks the modules of LIBRARIES and takes a class only when every one of
these criteria holds; where code of a library would run, its name must stand in reviewed.txt:

- it is importable under its own `__module__` and `__qualname__`, which is how pickle writes it;
- its metaclass is `type`, `ABCMeta` or `EnumMeta`, and it has no `__getattr__`, `__getattribute__` or `__del__`;
- the source of its special methods, which planted state could set off, has none of the words of UNSAFE;
- `new`: `__new__` is that of `object` or of a builtin data type, or was made by `collections.namedtuple`;
- `build`: `__setstate__` is absent or a builtin's, and then nothing that the default BUILD's setattr could reach
  runs code: no `__setattr__`, no property with a setter, no other data descriptor written in Python;
- `items`: a list, dict or set whose `append`, `extend`, `add` and `__setitem__` are the builtin's;
- an Enum gets `call` and `member` (one is looked up), when `_missing_` is the standard one;
- a compiled class gets `call` where reviewed.txt has its `__reduce__`: such classes pickle as a call of themselves.

A class that gets no use is left out: what is not in the table is unknown and holds. Functions are listed as data only
(`type`), from the modules that LIBRARIES names for it, when their source has none of the words of UNSAFE.
Nothing of this runs in the product. It imports the libraries, so run it on trusted wheels only.
"""

from __future__ import annotations

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
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, Iterator, List, Set, Tuple  # noqa: UP035 - Python 3.7

from vet_libraries import LIBRARIES

Table = Dict[str, Dict[str, str]]  # noqa: UP006 - Python 3.7

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "..", "src", "assaymark", "model", "machine", "vetted.txt")
OTHER = "# ---- other versions of the libraries: names as they write them ----"
TABLE_VERSION = "2"


HAND_REVIEWED = ["numpy", "pandas", "joblib", "catboost", "tokenizers", "pyarrow"]
"""Libraries whose names stand in by_hand.txt: their versions go into the header."""

NOT_TAKEN = re.compile(
    r"torchvision\..*(Weights|_ModelURLs)|torch\.optim\.lr_scheduler\._[a-z].*"
    r"|transformers\.(activations\.ClassInstantier|trainer_callback\.(CallbackHandler|ProgressCallback)"
    r"|utils\.generic\.(ContextManagers|GeneralInterface)|trainer_pt_utils\.(EvalLoop|IterableDatasetShard).*"
    r"|debug_utils\.DebugUnder.*|feature_extraction_utils\.Feature.*)"
    r"|accelerate\.(state\.GradientState|utils\.deepspeed\.DeepSpeed.*)|scipy\.optimize\..*\.(Brent|MemoizeJac|_.*)"
    r"|sklearn\.utils\.(Memory|parallel_backend|parallel\..*|_unittest_backport\..*)"
    r"|gensim\.(interfaces\.TransformedC.*|models\.(hdpmodel\.HdpTopicF.*|atmodel\.AuthorTopicModel|word2vec.*(Corpus|Sentence)|word2vec.*Sentences|doc2vec\.Tagged(Brown|Line).*"
    r"|poincare\.(Poincare|L|N|R).*|ensemblelda\.Ens.*)|similarities\.(annoy.*|docsim\.(Shard|Similarity)))"
    r"|nltk\.(chunk\.named_entity|classify\.(rte|svm|maxent\.(Tadm|Func))|tag\.hmm|text\.TextC).*"
)
"""Classes that pass the criteria and are left out: ClassInstantier calls what it holds when an item is read, Memory makes
folders and unpickles what lies in them, Parallel starts processes, AuthorTopicModel writes a corpus where it is told,
HdpTopicFormatter reads from an address, TransformedCorpus sets attributes of any object; the rest is in no saved model."""

NOT_WALKED = re.compile(r"(^|\.)(tests?|testing|conftest|setup|__main__|f2py|distutils|benchmarks?|cli|commands)(\.|$)")
"""Modules that must not be imported, or whose import has effects."""

UNSAFE = re.compile(
    r"(?<![.\w])(exec|eval|compile|open|__import__)\(|\b(import_module|import_string|popen|spawn\w*|urlopen|urlretrieve"
    r"|loads?|load_\w+|from_pretrained|from_file|hf_hub_download|snapshot_download|makedirs|mkdir|unlink|remove_file"
    r"|rmtree|Thread|Process|Popen|Pool|check_output|memmap|fromfile|tofile|read_\w+)\(|\b(subprocess|socket|pickle"
    r"|requests|importlib|runpy|ctypes|os\.(system|exec\w*|environ\[|remove|rename|kill))\b"
)
"""Words of source that must not stand in a special method: running text, files, network, processes, native code."""

SPECIAL = re.compile(r"__(?!reduce|reduce_ex|getstate|getnewargs|deepcopy|copy|dir|init_subclass)\w+__$")
"""Special methods that can run while a pickle is loaded (those for saving and copying cannot)."""

METACLASSES = {"builtins.type", "abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"}
TRUSTED = {"builtins", "abc", "typing", "collections.abc", "_collections_abc", "enum", "collections"}
INERT_DESCRIPTORS = {
    "member_descriptor", "getset_descriptor", "_tuplegetter",
    "CachedAttribute", "CachedWritableAttribute", "cache_readonly", "OptionWrapper",
}  # fmt: skip
"""Their `__set__` runs no code of a library; those of statsmodels warn, refuse, fill a cache or set a bit."""
STATE_RULES = {
    "scipy.stats._distn_infrastructure.rv_generic.__setstate__": "scipy-parser",
    "statsmodels.base.data.ModelData.__setstate__": "no-formula",
}
"""Methods that may run text of the state: BUILD is vetted under a rule that the machine knows (states.py)."""
ITEM_METHODS = ("append", "extend", "add", "__setitem__")


def full(cls: type) -> str:
    """Dotted name of a class."""
    return cls.__module__ + "." + cls.__qualname__


def read_reviewed() -> Set[str]:  # noqa: UP006 - Python 3.7
    """Names of library methods that were read and found harmless; `module.*.method` speaks for a whole module."""
    with open(os.path.join(HERE, "reviewed.txt"), encoding="utf-8") as file:
        return {line.split()[0] for line in file if line.strip() and not line.startswith("#")}


class Judge:
    """Applies the criteria to one class at a time, and remembers what stood in the way."""

    def __init__(self, reviewed: Set[str]) -> None:  # noqa: UP006 - Python 3.7
        self.reviewed = reviewed
        self.missing: dict[str, list[str]] = {}

    def vouched(self, cls: type, attribute: str) -> bool:
        """Whether the code behind `cls.attribute` is a builtin's or was reviewed."""
        owner = next((k for k in cls.__mro__ if attribute in vars(k)), None)
        return owner is None or self._reviewed(owner, attribute, cls)

    def all_vouched(self, cls: type, attributes: Iterable[str]) -> bool:
        """The same of several; each one missing is remembered."""
        return False not in [self.vouched(cls, attribute) for attribute in attributes]

    def uses(self, cls: type) -> list[str]:
        """The uses that the criteria grant."""
        meta = full(type(cls))
        if meta not in METACLASSES and meta not in self.reviewed:
            self.missing.setdefault("metaclass " + meta, []).append(full(cls))
            return []
        if issubclass(cls, type) or NOT_TAKEN.match(full(cls)):
            return []
        if not self.all_vouched(cls, ("__getattr__", "__getattribute__", "__del__")):
            return []
        if issubclass(cls, enum.Enum):
            return ["call", "member"] if self.vouched(cls, "_missing_") and cls.__members__ else []
        if not self._plain(cls):
            return []
        found = []
        if self._reduces_to_itself(cls):
            found.append("call")
        if _is_namedtuple(cls) or self.vouched(cls, "__new__"):
            found.append("new")
        if self._builds(cls):
            rule = STATE_RULES.get(_setstate_of(cls))
            found.append("build" if rule is None else f"build(args={rule})")
        if "new" in found and issubclass(cls, (list, dict, set)) and self.all_vouched(cls, ITEM_METHODS):
            found.append("items")
        return found

    def _reviewed(self, owner: type, attribute: str, cls: type) -> bool:
        if owner.__module__ in TRUSTED:
            return True
        if {full(owner) + "." + attribute, owner.__module__ + ".*." + attribute} & self.reviewed:
            return True
        self.missing.setdefault(full(owner) + "." + attribute, []).append(full(cls))
        return False

    def _plain(self, cls: type) -> bool:
        """No special method, which planted state could set off, uses a word of UNSAFE."""
        methods = [
            (k, name)
            for k in cls.__mro__
            for name, value in vars(k).items()
            if SPECIAL.match(name) and inspect.isfunction(value) and not is_plain(value)
        ]
        return False not in [self._reviewed(k, name, cls) for k, name in methods]

    def _reduces_to_itself(self, cls: type) -> bool:
        owner = next(k for k in cls.__mro__ if "__reduce__" in vars(k))
        return bool({full(owner) + ".__reduce__", owner.__module__ + ".*.__reduce__"} & self.reviewed)

    def _builds(self, cls: type) -> bool:
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
        return self.all_vouched(cls, [*sorted(setters), "__setattr__"])


def _setstate_of(cls: type) -> str:
    owner = next((k for k in cls.__mro__ if "__setstate__" in vars(k)), None)
    return "" if owner is None else full(owner) + ".__setstate__"


def _is_namedtuple(cls: type) -> bool:
    for k in cls.__mro__:
        new = vars(k).get("__new__")
        if new is not None:
            code = getattr(getattr(new, "__func__", new), "__code__", None)
            return hasattr(k, "_fields") and code is not None and code.co_filename.startswith("<")
    return False


def is_plain(function: Callable[..., Any]) -> bool:
    """Whether the source has no word of UNSAFE; compiled and generated functions have no source and count as plain."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or code.co_filename.startswith("<"):
        return True
    try:
        return not UNSAFE.search(re.sub('(?s)""".*?"""', "", inspect.getsource(function)))
    except (OSError, TypeError):
        return False


def modules_of(library: str) -> Iterator[ModuleType]:
    """Every module of an installed library that LIBRARIES names and that imports without complaint."""
    wanted = re.compile("(%s)|(%s)" % (LIBRARIES[library].take, LIBRARIES[library].functions))  # noqa: UP031 - braces
    package = importlib.import_module(library)
    walk = pkgutil.walk_packages(package.__path__, library + ".", onerror=lambda _: None)
    for name in [library, *(info.name for info in walk if not NOT_WALKED.search(info.name))]:
        if wanted.fullmatch(name):
            try:
                yield importlib.import_module(name)
            except Exception as error:  # noqa: BLE001 - a part that needs something not installed is not vetted here
                say(f"not imported: {name} {error!r}"[:100])


def collect(library: str, judge: Judge) -> Table:
    """Module -> name -> uses of one library."""
    take, leave, functions = (re.compile(pattern) for pattern in LIBRARIES[library])
    table: Table = {}
    for module in modules_of(library):
        path = module.__name__
        for name, value in sorted(vars(module).items()):
            if getattr(value, "__module__", None) != path or getattr(value, "__qualname__", "") != name:
                continue
            uses = []
            if isinstance(value, type):
                if take.fullmatch(path) and not leave.fullmatch(path):
                    uses = judge.uses(value)
            elif functions.fullmatch(path) and name[0] != "_" and callable(value) and is_plain(value):
                uses = ["type"]
            if uses:
                table.setdefault(path, {})[name] = " ".join(uses)
    return table


def run_collect(out: str, libraries: list[str]) -> None:
    """Write what one environment grants, with the versions it was seen in; say what stood in the way."""
    judge = Judge(read_reviewed())
    entries: Table = {}
    for library in libraries:
        entries.update(collect(library, judge))
    versions = {}
    for library in libraries + HAND_REVIEWED:
        try:
            versions[library] = importlib.import_module(library).__version__.split("+")[0]
        except (ImportError, AttributeError):
            continue
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"versions": versions, "entries": entries}, file, indent=0, sort_keys=True)
    for name, classes in sorted(judge.missing.items(), key=lambda item: -len(item[1])):
        say(f"not reviewed: {name}, wanted by {len(classes)}, {classes[0]}")
    say(f"{sum(map(len, entries.values()))} entries {versions}")


def parse(lines: Iterable[str]) -> Tuple[Table, Table]:  # noqa: UP006 - Python 3.7
    """Both parts of a table: module -> name -> uses. Strict."""
    parts: tuple[Table, Table] = ({}, {})
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
                raise ValueError(f"line {number}: {text!r}")
            section[name] = uses
    return parts


def read_hand() -> Tuple[Table, Table]:  # noqa: UP006 - Python 3.7
    """The hand-reviewed entries."""
    with open(os.path.join(HERE, "by_hand.txt"), encoding="utf-8") as file:
        return parse(file)


def run_check(libraries: list[str]) -> None:
    """Say which hand-written entries of these libraries do not resolve here."""
    for module, names in sorted(read_hand()[0].items()):
        for name in sorted(names) if module.split(".")[0] in libraries else ():
            try:
                value = importlib.import_module(module)
                for part in name.split("."):
                    value = getattr(value, part)
            except (ImportError, AttributeError) as error:
                say(f"{module} {name}: {error}")


def merge(into: Table, entries: Table, known: Table) -> None:
    """Add entries; one that stands in either table stays as it is, so that a hand-written one wins."""
    for module, names in entries.items():
        for name, uses in names.items():
            if name not in known.get(module, {}):
                into.setdefault(module, {}).setdefault(name, uses)


def run_write(current: list[str], other: list[str]) -> None:
    """Merge the parts and write the table."""
    now, before = read_hand()
    seen: dict[str, set[str]] = {}
    for path in current + other:
        with open(path, encoding="utf-8") as file:
            part = json.load(file)
        merge(now if path in current else before, part["entries"], now)
        for library, version in part["versions"].items():
            seen.setdefault(library, set()).add(version)
    with open(os.path.join(HERE, "header.txt"), encoding="utf-8") as file:
        header = file.read().rstrip("\n").replace("{version}", TABLE_VERSION)
    reviewed = ["#   {} {}".format(name, " ".join(sorted(found, key=_order))) for name, found in sorted(seen.items())]
    lines = [header.replace("{reviewed}", "\n".join(reviewed)), *sections(now), "", OTHER, *sections(before)]
    with open(TABLE, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
    counts = [sum(map(len, table.values())) for table in (now, before)]
    say(f"{counts[0]} + {counts[1]} entries, {os.path.getsize(TABLE):,} bytes")


def _order(version: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in version.split(".")]


def sections(table: Table) -> List[str]:  # noqa: UP006 - Python 3.7
    """The lines of one part."""
    lines = []
    for module in sorted(table):
        lines += ["", f"[{module}]"]
        lines += [f"{name} {table[module][name]}" for name in sorted(table[module])]
    return lines


def say(line: str) -> None:
    """One line on stdout."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Build the table of vetted globals.")
    parser.add_argument("command", choices=("collect", "check", "write"))
    parser.add_argument("names", nargs="+", help="OUT.json LIBRARY..., LIBRARY..., or PART.json...")
    parser.add_argument("--other", nargs="*", default=[], help="parts collected from other versions")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.command == "collect":
        run_collect(arguments.names[0], arguments.names[1:])
    elif arguments.command == "check":
        run_check(arguments.names)
    else:
        run_write(arguments.names, arguments.other)


if __name__ == "__main__":
    main()
