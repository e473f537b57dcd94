"""The facts that components have: one list for builders, writers, readers, diff and score.

A fact that is not listed is allowed; formats carry it as a property. Values are in the units given here.
"""

from collections.abc import Mapping

FACTS: Mapping[str, str] = {
    # any component
    "name": "name, of the thing itself and never of its base",
    "version": "version as its makers write it",
    "purl": "package URL",
    "manifest": "digest of the folder: assaymark-manifest:<hex>",
    "size": "bytes",
    "files": "number of files",
    "license": "SPDX expression, or a text that names it",
    "supplier": "organisation or person that supplies it",
    "author": "who made it",
    "description": "one sentence or more",
    "homepage": "URL",
    "download": "URL that it can be fetched from",
    "repository": "URL or id of the repository that it stands in",
    "revision": "commit or immutable revision in that repository",
    "released": "RFC 3339 moment of release",
    "path": "path in the folder that was looked at",
    # models
    "format": "serialisation: safetensors, gguf, onnx, pickle, keras, …",
    "architecture": "class name: LlamaForCausalLM",
    "family": "architecture family: llama, bert, resnet",
    "task": "text-generation, image-classification, …",
    "approach": "supervised, unsupervised, reinforcement-learning, semi-supervised, self-supervised",
    "parameters": "number of parameters",
    "dtype": "the one that most parameters have, as safetensors spells it: F32, BF16, I8",
    "dtypes": "object: dtype -> number of parameters",
    "quantization": "object: method, bits, group size as far as known",
    "tensors": "number of tensors",
    "layers": "number of layers",
    "hidden_size": "width of the hidden state",
    "heads": "number of attention heads",
    "context_length": "tokens",
    "vocabulary_size": "tokens",
    "languages": "list of BCP 47 tags",
    "tags": "list of texts",
    "framework": "library that it was saved with",
    "inputs": "list of objects: name, dtype, shape",
    "outputs": "list of objects: name, dtype, shape",
    "hyperparameters": "object: name -> value",
    "metrics": "list of objects: type, value, dataset, slice",
    "intended_use": "text",
    "limitations": "text",
    "training": "text on how it was trained",
    "evaluation": "text on how it was evaluated",
    "environmental": "object: energy, emissions as stated",
    "safety": "text: risks and their mitigation",
    "runs_code": "true where loading it runs code of its own (auto_map, custom pipeline, pickle)",
    # data
    "rows": "number of rows",
    "columns": "list of objects: name, type",
    "splits": "object: split -> rows, or list of names",
    "modalities": "list: text, image, audio, tabular, …",
    "collection": "text on how it was collected",
    "personal_data": "true, false or text",
    # libraries
    "direct": "true where the project names it itself",
    "groups": "list of dependency groups",
    "marker": "PEP 508 marker",
    "index": "URL of the index that it comes from",
    "digests": "list of sha256:<hex>, one for each file that may be installed",
    # infrastructure
    "reference": "image reference as written",
    "vendor": "maker of a device",
    "memory": "bytes",
    "settings": "object: accelerator or environment settings by name",
    # runs and tools
    "command": "command line",
    "started": "RFC 3339",
    "ended": "RFC 3339",
}
