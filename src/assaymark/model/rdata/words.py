"""Names of R that matter when code calls them."""

STARTS = "starts a program"
NETWORK = "opens a network connection"
RUNS = "runs R code of another file"
NATIVE = "loads native code"
DELETES = "deletes files"
ACTS = {
    "system": STARTS, "system2": STARTS, "shell": STARTS, "shell.exec": STARTS, "pipe": STARTS,
    "exec_wait": STARTS, "exec_background": STARTS, "exec_internal": STARTS, "terminalExecute": STARTS,
    "py_run_string": "runs Python code", "py_run_file": "runs Python code", "py_eval": "runs Python code",
    "source_python": "runs Python code", ".jcall": "calls Java",
    "download.file": NETWORK, "url": NETWORK, "socketConnection": NETWORK, "make.socket": NETWORK,
    "socketAccept": NETWORK, "serverSocket": NETWORK, "curl_download": NETWORK, "curl_fetch_memory": NETWORK,
    "source": RUNS, "sys.source": RUNS, "install.packages": "installs packages", "install_github": "installs packages",
    "dyn.load": NATIVE, "library.dynam": NATIVE, "sourceCpp": NATIVE, "cppFunction": NATIVE,
    "unlink": DELETES, "file.remove": DELETES,
}  # fmt: skip
"""Function -> what it does, in one phrase."""
STRONG = frozenset({
    "system", "system2", "shell.exec", "exec_wait", "exec_background", "exec_internal", "download.file",
    "socketConnection", "make.socket", "dyn.load", "sys.source", "install.packages", "py_run_string", "sourceCpp",
})  # fmt: skip
"""Names that no variable has: they count wherever code holds them, in a pool of constants too."""
TEXTS = {
    "parse": "makes code of text", "str2lang": "makes code of text", "str2expression": "makes code of text",
    "unserialize": "loads another object", "readRDS": "loads another object", "load": "loads another object",
}  # fmt: skip
"""What reaches code that is not in sight."""
MAKERS = frozenset({"parse", "str2lang", "str2expression", "unserialize"})
"""Those of them that count within functions, too: what they run can be read nowhere."""
NAMING = frozenset({
    "::", ":::", "do.call", "match.fun", "get", "get0", "mget", "getFunction", "getExportedValue",
    "getAnywhere", "getFromNamespace", "Reduce", "Map", "Filter", "lapply", "sapply", "vapply", "mapply",
    "as.name", "as.symbol", "call", "quote", "eval", "evalq", "rapply", "outer", "on.exit",
})  # fmt: skip
"""Functions of which an argument is the name of a function, or the function itself."""
HOOKS = frozenset({".First", ".Last", ".First.sys", ".Last.sys"})
"""Functions of the workspace that R calls by itself when a session begins or ends."""
PURE = frozenset(
    """
+ - * / ^ ( { [ [[ $ @ : ! & && | || == != < > <= >= ~ %% %/% %in% %*% %o% if for while repeat break next function <- =
c list vector ifelse switch length nrow ncol NROW NCOL dim names colnames rownames levels nlevels class inherits
is.null is.na is.factor is.numeric is.character is.logical is.function is.list is.data.frame is.matrix missing
as.numeric as.integer as.character as.logical as.factor as.matrix as.vector as.data.frame as.list as.formula as.Date
numeric integer character logical double complex factor matrix array data.frame cbind rbind rep rep_len seq seq_len
seq_along rev sort order unique which which.min which.max max min sum prod mean median var sd range quantile round floor
ceiling abs sqrt exp log log2 log10 log1p expm1 sin cos tan any all not identical identity invisible return paste paste0
sprintf format nchar substr toupper tolower stop warning message list2 setdiff union intersect head tail table tabulate
match match.arg formals nargs sys.call sys.function match.call parent.frame environment new.env globalenv emptyenv
TRUE FALSE NULL Sys.time Sys.Date nlm.control glm.control lm.control rpart.control trainControl interactive getOption
is.environment is.finite is.nan crossprod diag t solve pmin pmax cumsum diff scale structure unlist
""".split()  # noqa: SIM905 - a table of words
)
"""Functions of base R that compute, and nothing else, from what they are given."""
