"""Reading source text of strangers (Python, shell, YAML, secrets), for every layer that meets it. Pure, bounded."""
