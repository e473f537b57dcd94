"""The PyTorch family beside its pickles: TorchScript, exported programs, ExecuTorch, packages, TorchServe, llamafile."""
