"""The metadata of an HDF5 file, read from its bytes (HDF5 File Format Specification, version 3.0).

`source` knows addresses and limits, `superblock` where a file begins, `header` the messages of an object, `heaps` and
`fractal` where names and values are kept, `trees` both kinds of B-tree, `links`, `attributes` and `dataset` what the
messages mean. Data of datasets is not read, but for the few whose elements a loader unpickles.
"""
