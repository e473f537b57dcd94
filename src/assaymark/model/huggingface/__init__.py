"""Folders as the Hugging Face libraries read them: which of their files make a loader run code, and whose.

`formats/huggingface.py` walks the folders; here are the views (`views.py`), the reader of configurations
(`configs.py`), of the keys that name code (`keys.py`), and of the Python files that they name (`code.py`).
"""
