"""Model folders as Hugging Face libraries read them: every file whose content makes a loader import, fetch or trust.

One bad file does not hide the others: what cannot be read is a view of its own.
"""

import fnmatch
from collections import defaultdict
from collections.abc import Iterator

from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Tree
from assaymark.model.formats.jinja import template_view
from assaymark.model.huggingface import loose
from assaymark.model.huggingface.code import Repository
from assaymark.model.huggingface.configs import Config, read_config
from assaymark.model.huggingface.keys import (
    code_names,
    component_classes,
    escaping_paths,
    foreign_class,
    risky_settings,
)
from assaymark.model.huggingface.summary import Summary
from assaymark.model.huggingface.views import CodeReference, DuplicateKey, PickleBeside, RepositoryAct, UnreadableConfig
from assaymark.model.repository import mlflow, serving, spacy

_CONFIGS = frozenset({
    "config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json", "generation_config.json",
    "adapter_config.json", "model_index.json", "modules.json", "router_config.json", "image_processor_config.json",
    "video_preprocessor_config.json", "feature_extractor_config.json", "scheduler_config.json", "chat_template.json",
    "config_sentence_transformers.json", "sentence_bert_config.json", "quantization_config.json", "special_tokens_map.json",
    "modular_model_index.json", "modular_config.json", "audio_tokenizer_config.json", "quantize_config.json", "hf_quant_config.json",
    "open_clip_config.json", "sentence_distilbert_config.json", "sentence_roberta_config.json", "cross_encoder_config.json",
    "speculator_config.json", "wordembedding_config.json", "vae_config.json", "config_setfit.json", "meta.json", "inference_config.json",
})  # fmt: skip
_SHARED = frozenset({"config.json", "modules.json", "meta.json", "inference_config.json"})
"""Names that files of other projects have too: they count only beside something else of a model."""
_WEIGHTS = (".safetensors", ".bin", ".gguf", ".onnx", ".h5", ".msgpack", ".pt", ".pth", ".ckpt", ".pdparams")
_PICKLED = ("pytorch_model*.bin", "adapter_model*.bin", "diffusion_pytorch_model*.bin", "model*.bin", "*.ckpt")
_TEMPLATES = ("additional_chat_templates/", "chat_templates/")
_BY_ITSELF = frozenset({"sitecustomize.py", "usercustomize.py", "conftest.py"})
"""Files that Python or pytest import because they are there."""
_TRUSTED = "with trust_remote_code=True"
_CONFIG_LIMIT = 8 << 20
_INDEX_LIMIT = 64 << 20
_TEMPLATE_LIMIT = 1 << 20


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """Yield what each model folder of the tree makes its loaders do."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in tree.files:
        folder, _, base = path.rpartition("/")
        folders[f"{folder}/" if folder else ""].append(base)
    code = Repository(tree)
    seen: set[tuple[str, Item]] = set()
    for folder, names in folders.items():
        for path, view in _folder(tree, code, folder, sorted(names)):
            # Several keys name the same file: what it does is said once.
            if (path, view) not in seen:
                seen.add((path, view))
                yield path, view
    models = [folder for folder, names in folders.items() if _is_model(tree, folder, names)]
    if models:
        yield from loose.views(tree, models, code.paths)


def _is_model(tree: Tree, folder: str, names: list[str]) -> bool:
    """Whether a folder is one that a model is loaded from."""
    if any(n.endswith(_WEIGHTS) or (n in _CONFIGS and n not in _SHARED) for n in names):
        return True
    return "config.json" in names and _speaks(tree, f"{folder}config.json")


def _folder(tree: Tree, code: Repository, folder: str, names: list[str]) -> Iterator[tuple[str, Item]]:
    """All that loaders do with this folder, and at its end whose code they run."""
    summary = Summary(tree, folder)
    for path, view in _said(tree, code, folder, names):
        yield path, view
        summary.note(path, view)
        if isinstance(view, CodeReference):
            for place, act in code.views(view, folder if not view.file else _folder_of(view, folder)):
                if view.key != "app_file" or not isinstance(act, RepositoryAct) or act.hidden:
                    # A Space is a program: it may start others, and is judged by where its data goes.
                    yield place, act
                    summary.note(place, act)
    yield from summary.views()


def _folder_of(view: CodeReference, folder: str) -> str:
    """The folder that absolute imports of this file are looked for in."""
    module = view.named.rpartition(".")[0] or view.named
    return view.file.removesuffix(".py").removesuffix(module.replace(".", "/")) if view.file else folder


def _said(tree: Tree, code: Repository, folder: str, names: list[str]) -> Iterator[tuple[str, Item]]:
    configs = [n for n in names if n in _CONFIGS or n.endswith(".index.json")]
    model = any(n not in _SHARED for n in configs) or any(n.endswith(_WEIGHTS) for n in names)
    for base in configs:
        path = folder + base
        try:
            limit = _INDEX_LIMIT if base.endswith(".index.json") else _CONFIG_LIMIT
            config = read_config(tree.read(path, limit), base)
        except AssayError as error:
            if model or _speaks(tree, path):
                yield path, UnreadableConfig(error.message)
            continue
        for view in _config(config, base, folder, code):
            yield path, view
        for key, first, last in config.twice:
            yield path, DuplicateKey(key[:200], _short(first), _short(last), config.line(f'"{key}"'))
    yield from _by_presence(tree, code, folder, names)
    for name in names:
        if name.endswith(".jinja") and (name == "chat_template.jinja" or folder.endswith(_TEMPLATES)):
            yield from _template_file(tree, folder + name)
    safe = next((n for n in names if n.endswith((".safetensors", ".safetensors.index.json"))), "")
    for name in names:
        if safe and any(fnmatch.fnmatchcase(name, pattern) for pattern in _PICKLED):
            yield folder + name, PickleBeside(name, safe)


def _speaks(tree: Tree, path: str) -> bool:
    """Say whether a file that cannot be read whole begins like the settings of a model."""
    try:
        start = tree.read(path, _CONFIG_LIMIT)[: 1 << 20].replace(b"\0", b"")
    except AssayError:
        return True
    return any(key in start for key in (b'"model_type"', b'"auto_map"', b'"architectures"', b"attn_implementation"))


def _config(config: Config, base: str, folder: str, code: Repository) -> Iterator[Item]:
    """The views of one configuration."""
    for key, named, line in code_names(config, base):
        yield code.reference(key, named, folder, line=line, flag=_TRUSTED)
    for component in component_classes(config, base):
        key, named, line = component
        # A module of the repository itself lies at its top, or in the folder of the component.
        places = (folder, f"{folder}{key}/")
        found = (code.reference(key, named, place, line=line, flag=_TRUSTED) for place in places)
        own = next((reference for reference in found if reference.file), None)
        foreign = foreign_class(component)
        if own is not None:
            yield own
        elif foreign is not None:
            yield foreign
    yield from risky_settings(config, base)
    yield from escaping_paths(config, base)
    template = config.get("chat_template")
    if isinstance(template, str):
        yield template_view(template, base)
    entries = template.items() if isinstance(template, dict) else []
    named_ones = template if isinstance(template, list) else [{"name": n, "template": t} for n, t in entries]
    for entry in named_ones[:100]:
        if isinstance(entry, dict) and isinstance(entry.get("template"), str):
            yield template_view(entry["template"], f"{base} {str(entry.get('name'))[:80]}")


def _by_presence(tree: Tree, code: Repository, folder: str, names: list[str]) -> Iterator[tuple[str, Item]]:
    """Code that is run because a file of that name is there, and the folders of other makers."""
    if folder.endswith("custom_generate/") and "generate.py" in names:
        above = folder.removesuffix("custom_generate/")
        if any(f"{above}{base}" in tree.files for base in ("config.json", "generation_config.json")):
            # transformers `load_custom_generate`
            reference = code.reference("custom_generate/generate.py", "generate.generate", folder, flag=_TRUSTED)
            yield f"{folder}generate.py", reference
    if "model_index.json" in names and "pipeline.py" in names:
        # diffusers takes it where `custom_pipeline` is the folder itself.
        yield f"{folder}pipeline.py", code.reference("pipeline.py", "pipeline.Pipeline", folder, flag=_TRUSTED)
    if "hyperparams.yaml" in names and "custom.py" in names:
        # speechbrain `foreign_class`
        yield (
            f"{folder}custom.py",
            code.reference("custom.py", "custom.CustomInterface", folder, flag="by foreign_class"),
        )
    for name in sorted(_BY_ITSELF.intersection(names)):
        yield f"{folder}{name}", code.reference(name, name.removesuffix(".py") + "._", folder, flag="by Python itself")
    for maker in (mlflow, serving, spacy):
        yield from maker.views(tree, code, folder, names)


def _template_file(tree: Tree, path: str) -> Iterator[tuple[str, Item]]:
    try:
        text = tree.read(path, _TEMPLATE_LIMIT).decode("utf-8", "replace")
    except AssayError as error:
        yield path, UnreadableConfig(error.message)
    else:
        yield path, template_view(text, path.rsplit("/", 1)[-1])


def _short(value: object) -> str:
    text = str(value) if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
    return text[:80]
