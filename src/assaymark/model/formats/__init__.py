"""One parser a file. Each reads bytes of a stranger; none executes, imports or unpickles."""
