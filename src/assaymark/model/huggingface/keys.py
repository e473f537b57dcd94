"""The keys of configurations that name code, switch trust on, or lead out of the folder.

Read from transformers `dynamic_module_utils.py`, `pipelines/__init__.py` and `modeling_utils.py`, peft `auto.py`,
sentence-transformers `SentenceTransformer.py` and `util/module.py`, and diffusers `pipeline_loading_utils.py`.
"""

import re
from collections.abc import Iterator

from assaymark.model.huggingface.configs import Config
from assaymark.model.huggingface.views import EscapingPath, ForeignClass, RiskySetting

Named = tuple[str, str, int]
"""Key, what it names, line."""

_HUB = re.compile(r"(?:[a-z_]+\|)?[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?:@[\w./-]+)?(?::\w+)?")
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


def component_classes(config: Config, base: str) -> Iterator[Named]:
    """Classes that `modules.json`, `router_config.json`, `model_index.json` and adapters name by their module."""
    found: list[tuple[str, object]] = []
    if base == "modules.json" and isinstance(config.values, list):
        found = [(f"[{i}].type", entry.get("type")) for i, entry in enumerate(config.values) if isinstance(entry, dict)]
    elif base == "router_config.json" and isinstance(config.get("types"), dict):
        found = [(f"types.{name}", named) for name, named in config.get("types").items()]
    elif base == "model_index.json" and isinstance(config.values, dict):
        found = [(name, _joined(entry)) for name, entry in config.values.items()]
    elif base == "adapter_config.json" and isinstance(config.get("auto_mapping"), dict):
        mapping = config.get("auto_mapping")
        found = [
            ("auto_mapping.parent_library", _joined([mapping.get("parent_library"), mapping.get("base_model_class")]))
        ]
    for key, named in found:
        if isinstance(named, str) and not named.startswith("transformers_modules."):
            yield key, named, config.line(f'"{named}"', f'"{named.rpartition(".")[2]}"')


def _joined(entry: object) -> str | None:
    """`[library, class]` as one dotted name."""
    if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
        return ".".join(entry)
    return None


def foreign_class(named: Named) -> ForeignClass | None:
    """The component as a finding, unless its package is one that the loader brings."""
    key, name, line = named
    package = name.partition(".")[0]
    return None if package in _BROUGHT or package in _PIPELINES else ForeignClass(key, name[:200], line)


def risky_settings(config: Config) -> Iterator[RiskySetting]:
    """Trust that the configuration grants itself, and attention code that is fetched from a hub repository."""
    for place, key, value in config.walk():
        if key == "trust_remote_code" and value is True:
            yield RiskySetting("trust", place, "true", config.line('"trust_remote_code"'))
        elif _ATTENTION.fullmatch(key):
            values = value.values() if isinstance(value, dict) else [value]
            for named in values:
                if isinstance(named, str) and _HUB.fullmatch(named):
                    yield RiskySetting("kernel", place, named[:200], config.line(f'"{named}"', f'"{key}"'))


def escaping_paths(config: Config, base: str) -> Iterator[EscapingPath]:
    """File names of a weight index or of `modules.json` that leave the folder."""
    values = config.values
    if base == "modules.json" and isinstance(values, list):
        found = [("path", entry.get("path")) for entry in values if isinstance(entry, dict)]
    else:
        weights = config.get("weight_map")
        found = list(weights.items()) if isinstance(weights, dict) else []
    seen: set[str] = set()
    for key, path in found:
        if isinstance(path, str) and path not in seen and _leaves(path):
            seen.add(path)
            yield EscapingPath(key[:200], path[:300], config.line(path))


def _leaves(path: str) -> bool:
    parts = re.split(r"[/\\]", path)
    return (
        ".." in parts
        or path.startswith(("/", "\\", "~"))
        or re.match(r"[A-Za-z]:|[a-z][a-z0-9+.-]*://", path) is not None
    )
