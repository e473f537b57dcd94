"""Whether a model is what it is said to be: claims against bytes, against its base, against what was seen of it before.

Pure: `assaymark.origins` brings files, snapshots and advisories in. Nothing here believes a name: reputation is told, and
lowers no finding.
"""
