"""skops: scikit-learn objects as a zip with a JSON schema of what to import and how to put it together."""
