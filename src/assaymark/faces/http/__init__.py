"""The registry over HTTP. One file a capability, each with `routes`; the shell around them is app.py. See docs/adr/0015."""
