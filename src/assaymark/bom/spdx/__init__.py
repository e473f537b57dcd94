"""SPDX: 3.0.1 in and out, with its AI and Dataset profiles; 2.2 and 2.3 in, and out again as they came.

Documents are dictionaries as JSON has them. Whoever wrote them may be hostile: `bound` looks at size and depth first.
"""
