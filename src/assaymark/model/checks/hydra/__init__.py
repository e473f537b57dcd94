"""Checks of Hydra and OmegaConf configurations."""
