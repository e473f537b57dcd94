"""Model folders of other makers than Hugging Face: what their loaders run.

`mlflow` reads MLmodel files, `spacy` pipelines, `serving` the code that inference endpoints and Spaces start. Each has
`views(tree, code, folder, names)`, which `formats/huggingface.py` asks for each folder.
"""
