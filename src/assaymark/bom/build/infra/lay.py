"""How images and runtimes are laid into a draft."""

import re

from assaymark.bom.build.draft import Draft, Sketch
from assaymark.bom.document import Place, Status
from assaymark.core.graph import NodeKind
from assaymark.infra.image import UNKNOWN, ImageName

_TITLES = {"cuda": "CUDA", "cudnn": "cuDNN", "nccl": "NCCL", "rocm": "ROCm"}
_CUDA = re.compile(r"(?:^|[-_])cu(?:da)?[-_]?(\d{1,2}\.\d{1,2}(?:\.\d+)?)(?=$|[-_.])", re.IGNORECASE)
_CUDA_IMAGE = re.compile(r"(\d{1,2}\.\d{1,2}(?:\.\d+)?)(?=$|[-_])")
_ROCM = re.compile(r"(?:^|[-_])rocm[-_]?(\d{1,2}\.\d{1,2}(?:\.\d+)?)(?=$|[-_])", re.IGNORECASE)
_WORDS = 200


def image(draft: Draft, name: ImageName, written: str, status: Status, place: Place) -> Sketch:
    """The component of an image: by its digest where it has one, else by its tag."""
    shown = name.name.replace(UNKNOWN, "?")[:_WORDS]
    tag = name.tag.replace(UNKNOWN, "?")[:_WORDS]
    ref = f"image:{shown}@{name.digest}" if name.digest else f"image:{shown}:{tag or 'latest'}"
    made = draft.component(NodeKind.IMAGE, ref)
    made.say("name", shown, status, place)
    made.say("version", tag, status, place)
    made.say("reference", written[:1_000], status, place)
    algorithm, _, digest = name.digest.partition(":")
    if name.known:
        made.say("purl", _purl(name, digest), Status.INFERRED, place)
        made.say(algorithm or "sha256", digest, status, place)
    if not name.known:
        draft.gap(
            made, "reference", f"{place.path}: it hangs on a variable that has no value there", "give it a default"
        )
    elif not digest:
        moving = "a moving tag, and no digest" if name.is_moving else "a tag that may be pushed again, and no digest"
        step = f"docker buildx imagetools inspect {shown}{':' + tag if tag else ''}, then write its @sha256:…"
        draft.gap(made, "digest", f"{place.path}, {place.at}: {moving}", step)
    return made


def _purl(name: ImageName, digest: str) -> str:
    from packageurl import PackageURL

    repository, _, base = name.name.rpartition("/")
    try:
        if digest:
            where = {"repository_url": name.name} if repository else {}
            tag = {"tag": name.tag} if name.tag else {}
            made = PackageURL("oci", None, base, name.digest, {**where, **tag} or None)
        else:
            made = PackageURL("docker", repository or None, base, name.tag or "latest", None)
        return str(made.to_string())
    except ValueError:
        return ""


def runtime(draft: Draft, name: str, version: str, status: Status, place: Place, *, title: str = "") -> Sketch:
    """CUDA, cuDNN, NCCL, ROCm or an interpreter, of one version."""
    made = draft.component(NodeKind.PLATFORM, f"platform:{name}@{version}")
    made.say("name", title or _TITLES.get(name, name), status, place)
    made.say("version", version, status, place)
    return made


def image_runtimes(name: ImageName) -> dict[str, str]:
    """The CUDA or ROCm that an image's tag names, as those of nvidia/cuda and pytorch/pytorch do."""
    if not name.known:
        return {}
    found: dict[str, str] = {}
    cuda = _CUDA.search(name.tag)
    if cuda is None and name.name.rpartition("/")[2] == "cuda":
        cuda = _CUDA_IMAGE.match(name.tag)
    if cuda:
        found["cuda"] = cuda[1]
    if rocm := _ROCM.search(name.tag):
        found["rocm"] = rocm[1]
    return found


def wheel_runtimes(name: str, version: str) -> dict[str, str]:
    """The CUDA, cuDNN or NCCL that a package brings: NVIDIA's wheels, conda's cudatoolkit, torch's `+cu124`."""
    numbers = version.split("+", maxsplit=1)[0]
    if re.fullmatch(r"nvidia-cuda-runtime(?:-cu\d+)?|cudatoolkit|cuda-cudart|cuda-version", name):
        return {"cuda": ".".join(numbers.split(".")[:2])} if numbers else {}
    for wheel, runtime_name in (("nvidia-cudnn", "cudnn"), ("nvidia-nccl", "nccl")):
        if re.fullmatch(rf"{wheel}(?:-cu\d+)?", name) or name == runtime_name:
            return {runtime_name: numbers} if numbers else {}
    local = re.search(r"\+cu(\d{2})(\d)$", version)
    if local and name in {"torch", "torchvision", "torchaudio", "jaxlib"}:
        return {"cuda": f"{local[1]}.{local[2]}"}
    return {}
