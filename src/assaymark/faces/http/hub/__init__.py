"""The registry for clients of the Hugging Face hub: `HF_ENDPOINT` is this server, a repository is `project/model`.

What they download is what the registry gives out; what they commit becomes a draft, and a draft waits for its publisher's
seal. The routes are those that huggingface_hub 0.25 to 2.x ask for (docs/clients.md).
"""

from assaymark.faces.http.hub import lfs, reading, writing

capabilities = (reading.routes, writing.routes, lfs.routes)
