"""Container images and model artifacts as OCI tools keep them: layouts, `docker save` archives, Ollama's store."""
