"""The keys of configurations that name code, switch trust on, or lead out of the folder.

Read from transformers `dynamic_module_utils.py`, `pipelines/__init__.py` and `modeling_utils.py`, peft `auto.py`,
sentence-transformers `SentenceTransformer.py` and `util/module.py`, and diffusers `pipeline_loading_utils.py`.
"""

import re
from collections.abc import Iterator

from assaymark.core.source.python_deeds import Deed, canonical, deed_of
from assaymark.model.huggingface.configs import Config
from assaymark.model.huggingface.views import Kind, Setting, UnseenCode

Named = tuple[str, str, int]
"""Key, what it names, line."""

_HUB = re.compile(r"(?:[a-z_]+\|)?(?P<repository>[^/:@|\s]+/[^/:@|\s]+)(?:@(?P<revision>[^/:\s]+))?(?::[^/:\s]+)?")
"""As transformers `is_kernel` reads it: `owner/name@revision:function`."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ATTENTION = re.compile(r"_?attn_implementation(?:_internal)?|_?experts_implementation(?:_internal)?")
_BROUGHT = ("sentence_transformers", "transformers", "diffusers", "torch", "optimum", "peft", "huggingface_hub")
_PIPELINES = frozenset({
    "allegro", "amused", "animatediff", "aura_flow", "audioldm", "audioldm2", "blip_diffusion", "bria", "cogvideo", "cogview3",
    "cogview4", "consisid", "consistency_models", "controlnet", "controlnet_hunyuandit", "controlnet_sd3", "controlnet_xs",
    "cosmos", "dance_diffusion", "ddim", "ddpm", "deepfloyd_if", "dit", "easyanimate", "flux", "hidream_image", "hunyuan_video",
    "hunyuandit", "i2vgen_xl", "kandinsky", "kandinsky2_2", "kandinsky3", "kolors", "latent_consistency_models",
    "latent_diffusion", "latte", "ledits_pp", "ltx", "lumina", "lumina2", "marigold", "mochi", "musicldm", "omnigen", "pag",
    "paint_by_example", "pia", "pixart_alpha", "qwenimage", "sana", "semantic_stable_diffusion", "shap_e", "skyreels_v2",
    "stable_audio", "stable_cascade", "stable_diffusion", "stable_diffusion_3", "stable_diffusion_attend_and_excite",
    "stable_diffusion_diffedit", "stable_diffusion_gligen", "stable_diffusion_k_diffusion", "stable_diffusion_ldm3d",
    "stable_diffusion_panorama", "stable_diffusion_safe", "stable_diffusion_sag", "stable_diffusion_xl",
    "stable_video_diffusion", "t2i_adapter", "text_to_video_synthesis", "unclip", "unidiffuser", "visualcloze", "wan",
    "wuerstchen", "onnxruntime", "tokenizers", "accelerate", "alt_diffusion", "versatile_diffusion", "vq_diffusion",
    "score_sde_ve", "repaint", "pndm", "karras_ve", "spectrogram_diffusion", "latent_diffusion_uncond", "safetensors",
    "stochastic_karras_ve", "audio_diffusion", "k_diffusion",
})  # fmt: skip
"""Modules of diffusers.pipelines, which model_index.json names without their package."""


_ACTIVATIONS = frozenset(
    {"activation_function", "activation_fn", "sbert_ce_default_activation_function", "default_activation_function"}
)
_DTYPE = re.compile(
    r"(?:torch\.|jnp\.|mlx\.core\.)?(?:auto|b?float\d*\w*|fp\d+\w*|bf16|u?int\d*\w*|q?u?int\d+|complex\d*|half|double|long|short|bool|byte|char|cfloat|string)",
    re.IGNORECASE,
)
_TRUE = (True, 1, "true", "True", "1", "yes")
_ACTS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.DELETION)
_MODULES = frozenset({"os", "posix", "nt", "subprocess", "builtins", "pty", "ctypes", "runpy", "pickle", "marshal"})
_DOTTED = re.compile(r"[A-Za-z_]\w{0,40}(?:[.:]\w{1,60}){1,6}")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill")


def code_names(config: Config, base: str) -> Iterator[Named]:
    """What the configuration named `base` has a loader import from this or another repository."""
    for place, key, value in config.walk():
        if key == "auto_map":
            yield from _auto_map(config, place, value)
        elif key == "custom_pipelines" and isinstance(value, dict):
            for task, entry in value.items():
                impl = entry.get("impl") if isinstance(entry, dict) else None
                if isinstance(impl, str):
                    yield f"{place}.{task}", impl, config.line(impl, '"custom_pipelines"')
        elif key == "custom_pipeline" and isinstance(value, str) and value:
            # Without a slash it is a file of this folder, else of diffusers' community folder on GitHub.
            yield (
                place,
                f"{value}--pipeline" if "/" in value else f"{value.removesuffix('.py')}.Pipeline",
                config.line(f'"{key}"'),
            )
        elif key == "custom_generate" and isinstance(value, str) and value:
            yield (
                place,
                value if "--" in value or "/" not in value else f"{value}--generate",
                config.line('"custom_generate"'),
            )
    if base == "adapter_config.json":
        yield from _parent_library(config)


def _auto_map(config: Config, place: str, value: object) -> Iterator[Named]:
    entries = value.items() if isinstance(value, dict) else [("", value)]
    for name, given in entries:
        for named in given if isinstance(given, (list, tuple)) else [given]:
            if isinstance(named, str) and named:
                yield f"{place}.{name}".rstrip("."), named, config.line(named, '"auto_map"')


def _parent_library(config: Config) -> Iterator[Named]:
    mapping = config.get("auto_mapping")
    library = mapping.get("parent_library") if isinstance(mapping, dict) else None
    if isinstance(library, str) and library.partition(".")[0] == "transformers_modules":
        parts = library.split(".")
        repository = "/".join(parts[1:3]) if len(parts) > 3 else library
        yield "auto_mapping.parent_library", f"{repository}--{parts[-1]}", config.line(library)


def component_classes(config: Config, base: str) -> Iterator[Named]:  # noqa: C901 - one case a file
    """Classes that `modules.json`, `router_config.json`, `model_index.json` and adapters name by their module."""
    found: list[tuple[str, object]] = []
    if base == "modules.json" and isinstance(config.values, list):
        found = [(f"[{i}].type", entry.get("type")) for i, entry in enumerate(config.values) if isinstance(entry, dict)]
    elif base == "wordembedding_config.json":
        found = [("tokenizer_class", config.get("tokenizer_class"))]
    elif base in {"router_config.json", "config.json"} and _is_router(config):
        found = [(f"types.{name}", named) for name, named in config.get("types").items()]
    elif base == "model_index.json" and isinstance(config.values, dict):
        found = [(name, _joined(entry)) for name, entry in config.values.items()]
    elif base == "adapter_config.json" and isinstance(config.get("auto_mapping"), dict):
        mapping = config.get("auto_mapping")
        found = [
            ("auto_mapping.parent_library", _joined([mapping.get("parent_library"), mapping.get("base_model_class")]))
        ]
    if (
        base == "adapter_config.json"
        and config.get("megatron_config")
        and config.get("megatron_core") != "megatron.core"
    ):
        # peft `dispatch_megatron` imports the module of this name.
        found.append(("megatron_core", _joined([config.get("megatron_core"), "tensor_parallel"])))
    for place, key, value in config.walk():
        # sentence-transformers Dense and CrossEncoder call `import_from_string` on these.
        if key in _ACTIVATIONS and isinstance(value, str) and "." in value:
            found.append((place, value))
    for key, named in found:
        if isinstance(named, str) and not named.startswith("transformers_modules."):
            yield key, named, config.line(f'"{named}"', f'"{named.rpartition(".")[2]}"')


def _is_router(config: Config) -> bool:
    """sentence-transformers Router, and Asym before it: the classes of its parts by their names."""
    types, structure = config.get("types"), config.get("structure")
    return isinstance(types, dict) and isinstance(structure, dict)


def _joined(entry: object) -> str | None:
    """`[library, class]` as one dotted name."""
    if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
        return ".".join(entry)
    return None


def foreign_class(named: Named) -> Setting | None:
    """The component as a finding, unless its package is one that the loader brings."""
    key, name, line = named
    package = name.partition(".")[0]
    return None if package in _BROUGHT or package in _PIPELINES else Setting(Kind.FOREIGN, key, name[:200], line)


def risky_settings(config: Config, base: str) -> Iterator[Setting | UnseenCode]:
    """Trust that the configuration grants itself, code that is fetched from a hub, and names of what acts."""
    for place, key, value in config.walk():
        if key == "trust_remote_code" and any(value == true and type(value) is type(true) for true in _TRUE):
            yield Setting(Kind.TRUST, place, "true", config.line('"trust_remote_code"'))
        elif _ATTENTION.fullmatch(key):
            yield from _attention(config, place, key, value)
        elif key in {"torch_dtype", "dtype"} and isinstance(value, str) and value and not _DTYPE.fullmatch(value):
            yield Setting(Kind.DTYPE, place, value[:200], config.line(f'"{key}"'))
        for named in value if isinstance(value, list) else [value]:
            if isinstance(named, str) and _DOTTED.fullmatch(named) and _acts(named):
                yield Setting(Kind.ACTING, place, named[:200], config.line(f'"{named}"'))
    yield from _split_name(config)
    if base in {"modular_model_index.json", "modular_config.json"}:
        yield from _repositories(config)
    if base == "adapter_config.json":
        yield from _base_model(config)


def _repositories(config: Config) -> Iterator[UnseenCode]:
    """Components that modular pipelines of diffusers load from other repositories, with what code those have."""
    for place, key, value in config.walk():
        if key in {"repo", "pretrained_model_name_or_path"} and isinstance(value, str) and value.count("/") == 1:
            yield UnseenCode(f"{place} has a component loaded", value[:200], "", pinned=False, line=config.line(value))


def _split_name(config: Config) -> Iterator[Setting]:
    """`"module": "os", "function": "system"`: a name in two values, for code that puts it together."""
    texts = {value: place for place, _, value in config.walk() if isinstance(value, str) and len(value) < 40}
    for module in _MODULES & texts.keys():
        for name in texts:
            if name.isidentifier() and _acts(f"{module}.{name}"):
                yield Setting(Kind.ACTING, texts[module], f"{module}, beside {name}", config.line(f'"{module}"'))
                break


def _attention(config: Config, place: str, key: str, value: object) -> Iterator[Setting | UnseenCode]:
    for named in value.values() if isinstance(value, dict) else [value]:
        match = _HUB.fullmatch(named) if isinstance(named, str) else None
        if match:
            yield _kernel(place, match[0], match, config.line(f'"{named}"', f'"{key}"'))


def _kernel(place: str, named: str, match: re.Match[str], line: int) -> Setting | UnseenCode:
    revision = match["revision"] or ""
    if _COMMIT.fullmatch(revision):
        return UnseenCode(f"{place} has a kernel loaded", match["repository"][:200], revision, pinned=True, line=line)
    return Setting(Kind.KERNEL, place, named[:200], line)


def _acts(named: str) -> bool:
    return deed_of(canonical(named.replace(":", "."))) in _ACTS


def _base_model(config: Config) -> Iterator[Setting]:
    base = config.get("base_model_name_or_path")
    if isinstance(base, str) and leaves(base):
        kind = Kind.STRAY_BASE if _STRAY.search(base.replace("\\", "/")) else Kind.BASE
        yield Setting(kind, "base_model_name_or_path", base[:300], config.line('"base_model_name_or_path"'))


_STRAY = re.compile(
    r"(?:^|/)\.\.(?:/|$)|^//|^/(?:tmp|var/tmp|dev|proc|run|sys|etc)(?:/|$)|^[a-z][a-z0-9+.-]*://|^[a-z]:/(?:windows/)?temp/",
    re.IGNORECASE,
)
"""Places that depend on where the loader was started, that any user of the machine can write to, or of the network."""


def escaping_paths(config: Config, base: str) -> Iterator[Setting]:
    """File names of a weight index, of `modules.json` or of `model_index.json` that leave the folder."""
    values = config.values
    if base == "modules.json" and isinstance(values, list):
        found = [("path", entry.get("path")) for entry in values if isinstance(entry, dict)]
    elif base == "model_index.json" and isinstance(values, dict):
        # Component and library become parts of a path: `<folder>/<component>/<library>.py`.
        found = [(key, key) for key in values]
        found += [(key, v[0]) for key, v in values.items() if isinstance(v, list) and len(v) == 2 and v[0]]
    elif base == "tokenizer_config.json":
        # transformers keeps what is written here before it looks for the files of the folder.
        found = [(key, config.get(key)) for key in _VOCABULARIES if _is_of_system(config.get(key))]
    else:
        weights = config.get("weight_map")
        found = list(weights.items()) if isinstance(weights, dict) else []
    seen: set[str] = set()
    for key, path in found:
        if not isinstance(path, str) or path in seen:
            continue
        seen.add(path)
        if leaves(path):
            yield Setting(Kind.ESCAPING, key[:200], path[:300], config.line(path))
        elif base.endswith(".safetensors.index.json") and path.lower().endswith(_PICKLED):
            yield Setting(Kind.PICKLE, key[:200], path[:300], config.line(path))


_VOCABULARIES = ("vocab_file", "merges_file", "tokenizer_file", "spm_file", "sp_model_file", "source_spm", "target_spm")


def _is_of_system(path: object) -> bool:
    """A path that no training left behind: upwards, or into the folders of the system."""
    return isinstance(path, str) and (
        ".." in re.split(r"[/\\]", path)
        or path.startswith(("/etc/", "/proc/", "/dev/", "/sys/", "/var/", "/root/.", "~"))
    )


def leaves(path: str) -> bool:
    """Say whether a file name leads out of the folder: upwards, from the root, from home, or to an address."""
    parts = re.split(r"[/\\]", path)
    return (
        ".." in parts
        or path.startswith(("/", "\\", "~"))
        or re.match(r"[A-Za-z]:|[a-z][a-z0-9+.-]*://", path) is not None
    )
