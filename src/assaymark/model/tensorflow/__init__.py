"""TensorFlow's files: graphs (SavedModel, MetaGraph, GraphDef; binary and text), checkpoints and Keras metadata.

`parse` is in `model` (graphs), `text` (their text form), `bundle` (checkpoint tables) and `metadata` (keras_metadata.pb).
`recognise` says which is which, `reader` takes graphs off the protobuf wire, `trace` follows the names of files through
them.
"""
