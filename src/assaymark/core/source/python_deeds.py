"""What well-known Python names do when they are called: the table behind `python`.

A name is matched in full, by a prefix (`subprocess.*` in the table), or by its last parts where they begin with a
module of the standard library: `torch.serialization.os.system` is `os.system`, however it was reached.
"""

from enum import StrEnum
from functools import lru_cache


class Deed(StrEnum):
    """What a call does to the machine it runs on; the value completes "this code ..."."""

    PROCESS = "starts a process"
    EXECUTION = "runs data as code"
    UNPICKLING = "unpickles"
    NATIVE = "loads native code"
    NETWORK = "opens a network connection"
    DYNAMIC = "reaches code by a computed name"
    DELETION = "deletes files"
    SECRETS = "reads secrets or the environment"


_TABLE = {
    Deed.PROCESS: """
        os.system os.popen os.popen2 os.popen3 os.popen4 os.execl os.execle os.execlp os.execlpe os.execv os.execve
        os.execvp os.execvpe os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe
        os.posix_spawn os.posix_spawnp os.fork os.forkpty os.startfile
        subprocess.Popen subprocess.run subprocess.call subprocess.check_call subprocess.check_output
        subprocess.getoutput subprocess.getstatusoutput subprocess.popen
        _posixsubprocess.fork_exec _winapi.CreateProcess pty.spawn pty.fork commands.* popen2.* platform.popen
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell asyncio.subprocess.create_subprocess_exec
        asyncio.subprocess.create_subprocess_shell asyncio.new_event_loop().subprocess_shell
        asyncio.get_event_loop().subprocess_shell asyncio.get_running_loop().subprocess_shell
        asyncio.new_event_loop().subprocess_exec asyncio.get_event_loop().subprocess_exec
        asyncio.get_running_loop().subprocess_exec distutils.spawn.spawn setuptools._distutils.spawn.spawn
        pexpect.spawn pexpect.run pexpect.popen_spawn.PopenSpawn sh.* plumbum.local invoke.run webbrowser.open
        get_ipython().system get_ipython().getoutput get_ipython().run_cell_magic get_ipython().run_line_magic
        IPython.get_ipython().system IPython.get_ipython().run_line_magic IPython.get_ipython().run_cell_magic
        pip.main pip._internal.main pip._internal.cli.main.main setuptools.command.easy_install.main
        os.spawnvef os._spawnvef os.posix_spawn subprocess._USE_POSIX_SPAWN multiprocessing.util.spawnv_passfds
        multiprocessing.popen_spawn_posix.Popen multiprocessing.popen_fork.Popen idlelib.pyshell.main
        uuid._popen platform._syscmd_ver pydoc.pipepager pydoc.tempfilepager distutils.spawn._spawn_posix
        distutils.core.run_setup ensurepip.bootstrap venv.create fabric.Connection paramiko.SSHClient().exec_command
        torch.utils.collect_env.run torch.distributed.run.main torch.distributed.launcher.api.elastic_launch
        psutil.Popen docker.from_env().containers.run docker.DockerClient().containers.run git.Git().execute git.cmd.Git().execute
        numpy.distutils.exec_command.exec_command numpy.f2py.compile gradio.utils.run_coro_in_background
        ?.system ?.popen ?.Popen ?.check_output ?.check_call ?.getoutput ?.getstatusoutput ?.fork_exec ?.execv ?.execve
        ?.execvp ?.execvpe ?.execl ?.execlp ?.spawnl ?.spawnlp ?.spawnv ?.spawnvp ?.posix_spawn ?.posix_spawnp
    """,
    Deed.EXECUTION: """
        eval exec execfile compile code.interact code.InteractiveInterpreter code.InteractiveConsole
        codeop.compile_command runpy.run_path runpy.run_module runpy._run_code types.CodeType types.FunctionType
        marshal.load marshal.loads timeit.timeit timeit.repeat timeit.Timer pdb.run pdb.runeval bdb.Bdb cProfile.run
        profile.run trace.Trace yaml.unsafe_load yaml.unsafe_load_all yaml.UnsafeLoader torch.hub.load
        torch.package.PackageImporter _xxsubinterpreters.run_string _interpreters.exec interpreters.run_string
        test.support.script_helper.assert_python_ok get_ipython().run_cell get_ipython().ex
        marshal.dumps().loads runpy._run_module_as_main pdb.Pdb().run pdb.Pdb().runeval pdb.Pdb().runcall bdb.Bdb().run
        bdb.Bdb().runeval bdb.Bdb().runctx cProfile.runctx cProfile.Profile().run cProfile.Profile().runctx profile.runctx
        profile.Profile().run trace.Trace().run trace.Trace().runctx timeit.Timer().timeit doctest.testfile doctest.run_docstring_examples
        pandas.eval pandas.DataFrame().eval keras.config.enable_unsafe_deserialization
        keras.src.saving.serialization_lib.enable_unsafe_deserialization pandas.core.computation.eval.eval numexpr.evaluate sympy.sympify sympy.parsing.sympy_parser.parse_expr
        logging.config.listen tkinter.Tk().eval rlcompleter.Completer types.LambdaType torch.jit.CompilationUnit
        torch.fx.graph_module._exec_with_source torch.distributed.rpc.rpc_sync fire.Fire cffi.FFI().set_source
        ast.literal_eval.__globals__ typing._eval_type typing.ForwardRef()._evaluate ?.exec ?.eval
        mako.template.Template numpy.f2py.crackfortran._eval_length numpy.f2py.crackfortran.myeval
        transformers.dynamic_module_utils.get_class_from_dynamic_module transformers.dynamic_module_utils.get_class_in_module
        lib2to3.pgen2.grammar.Grammar().loads numpy.testing.runstring numpy.testing._private.utils.runstring
    """,
    Deed.UNPICKLING: """
        pickle.load pickle.loads pickle.Unpickler pickle._load pickle._loads pickle._Unpickler
        cloudpickle.load cloudpickle.loads dill.load dill.loads dill.Unpickler dill.load_module dill.load_session
        joblib.load torch.load torch.serialization.load pandas.read_pickle shelve.open shelve.DbfilenameShelf
        jsonpickle.decode jsonpickle.loads sklearn.externals.joblib.load numpy.load numpy.lib.npyio.load
        multiprocessing.reduction.ForkingPickler.loads multiprocessing.reduction.loads yaml.load yaml.load_all
        yaml.full_load yaml.Loader
    """,
    Deed.NATIVE: """
        ctypes.CDLL ctypes.PyDLL ctypes.WinDLL ctypes.OleDLL ctypes.cdll.* ctypes.windll.* ctypes.pydll.*
        ctypes.oledll.* ctypes.pythonapi.* ctypes.cdll ctypes.windll ctypes.pythonapi ctypes.util.dlopen _ctypes.dlopen
        ctypes.LibraryLoader() ctypes.CFUNCTYPE ctypes.PYFUNCTYPE ctypes.WINFUNCTYPE ?.CDLL ?.dlopen onnxruntime.SessionOptions().register_custom_ops_library
        sqlite3.connect().load_extension sqlite3.connect().enable_load_extension
        cffi.FFI().dlopen cffi.FFI().verify torch.ops.load_library torch.classes.load_library torch._ops.load_library
        torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline tensorflow.load_op_library
        tensorflow.load_library imp.load_dynamic _imp.create_dynamic importlib.machinery.ExtensionFileLoader
        numpy.ctypeslib.load_library llvmlite.binding.load_library_permanently
    """,
    Deed.NETWORK: """
        socket.socket socket.create_connection socket.create_server socket.socketpair socket.SocketType
        urllib.request.urlopen urllib.request.urlretrieve urllib.request.build_opener urllib.request.Request
        urllib.request.URLopener urllib.request.FancyURLopener urllib.urlopen urllib.urlretrieve urllib2.urlopen
        requests.get requests.post requests.put requests.patch requests.delete requests.head requests.options
        requests.request requests.Session requests.session requests.api.* httpx.get httpx.post httpx.put httpx.patch
        httpx.request httpx.stream httpx.Client httpx.AsyncClient aiohttp.ClientSession aiohttp.request
        http.client.HTTPConnection http.client.HTTPSConnection httplib.HTTPConnection httplib.HTTPSConnection
        http.server.HTTPServer http.server.ThreadingHTTPServer socketserver.TCPServer socketserver.UDPServer ftplib.FTP
        ftplib.FTP_TLS smtplib.SMTP smtplib.SMTP_SSL telnetlib.Telnet imaplib.IMAP4 imaplib.IMAP4_SSL poplib.POP3
        nntplib.NNTP paramiko.SSHClient paramiko.Transport xmlrpc.client.ServerProxy asyncio.open_connection
        asyncio.start_server websockets.connect websocket.create_connection websocket.WebSocketApp
        urllib3.PoolManager urllib3.request git.Repo.clone_from dulwich.porcelain.clone pygit2.clone_repository wget.download gdown.download pycurl.Curl torch.hub.download_url_to_file
        torch.hub.load_state_dict_from_url torchvision.datasets.utils.download_url ssl.get_server_certificate
        torchvision.datasets.utils.download_and_extract_archive dns.resolver.resolve dns.resolver.query
        socket.gethostbyname socket.gethostbyname_ex socket.getaddrinfo urllib3.PoolManager().request urllib.request.OpenerDirector
        urllib.request.build_opener().open aiohttp.ClientSession().post http.client.HTTPConnection().request
        logging.handlers.HTTPHandler logging.handlers.SocketHandler multiprocessing.connection.Client
    """,
    Deed.DYNAMIC: """
        __import__ importlib.import_module importlib.__import__ importlib.util.spec_from_file_location
        importlib.util.module_from_spec importlib.util.spec_from_loader importlib.machinery.SourceFileLoader
        importlib.machinery.SourcelessFileLoader imp.load_source imp.load_module imp.load_compiled imp.find_module
        pkgutil.resolve_name pydoc.locate pydoc.safeimport zipimport.zipimporter site.addsitedir
        gc.get_objects gc.get_referrers gc.get_referents sys.modules.items sys.modules.values sys.modules.copy
        sys.meta_path.append sys.meta_path.insert sys.path_hooks.append sys.path_hooks.insert
    """,
    Deed.DELETION: """
        os.remove os.unlink os.rmdir os.removedirs os.truncate shutil.rmtree pathlib.Path().unlink pathlib.Path().rmdir
    """,
    Deed.SECRETS: """
        os.environ os.environ.* os.environb os.environb.* os.getenv os.getenvb keyring.get_password
        keyring.get_credential getpass.getpass dotenv.load_dotenv dotenv.dotenv_values netrc.netrc
        huggingface_hub.get_token huggingface_hub.HfFolder.get_token google.auth.default browser_cookie3.*
        win32crypt.CryptUnprotectData
    """,
}
_EXACT: dict[str, Deed] = {}
_PREFIXES: dict[str, Deed] = {}
for _deed, _names in _TABLE.items():
    for _name in _names.split():
        if _name.endswith(".*"):
            _PREFIXES[_name[:-2]] = _deed
        else:
            _EXACT[_name] = _deed

UNKNOWN = "?"
"""Stands for an attribute, or a module, whose name is computed."""

_SAME = {
    "posix": "os", "nt": "os", "_pickle": "pickle", "cPickle": "pickle", "_socket": "socket", "__builtin__": "builtins",
    "__builtins__": "builtins",
}  # fmt: skip
STDLIB = frozenset({
    "os", "subprocess", "pty", "socket", "shutil", "pickle", "marshal", "builtins", "importlib", "ctypes", "runpy", "code",
    "pdb", "commands", "urllib", "http", "ftplib", "smtplib", "telnetlib", "_posixsubprocess", "imp", "pkgutil",
    "webbrowser", "asyncio",
})  # fmt: skip
"""Modules that do harm by themselves: their names count wherever they were reached, and so does `getattr` into them."""
HIDING = frozenset({
    "__import__", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys.modules.items", "sys.modules.values",
    "sys.modules.copy", "sys.meta_path.append", "sys.meta_path.insert", "sys.path_hooks.append", "sys.path_hooks.insert",
})  # fmt: skip
"""Ways to a thing that leave its name unsaid."""
ACTING = frozenset({
    "os", "subprocess", "pty", "shutil", "marshal", "builtins", "importlib", "ctypes", "runpy", "_posixsubprocess", "imp",
})  # fmt: skip
"""Modules that, handed on as a value, let whoever gets them do anything."""


def canonical(name: str) -> str:
    """One spelling for each thing: `posix.system` is `os.system`, `builtins.exec` is `exec`, `random._os.system` too."""
    parts = name.split(".")
    parts[0] = _SAME.get(parts[0], parts[0])
    if parts[0] == "builtins" and len(parts) > 1 and parts[1] not in {"__dict__", UNKNOWN}:
        parts = parts[1:]
    while len(parts) > 1 and parts[-1] == "__call__":
        parts.pop()
    whole = ".".join(parts)
    if deed_of(whole) is None:
        for at in range(len(parts) - 2, 0, -1):
            inner = _SAME.get(parts[at], parts[at].removeprefix("_"))
            if inner in STDLIB:
                tail = ".".join(parts[at + 1 :])
                ending = tail if inner == "builtins" else f"{inner}.{tail}"
                if deed_of(ending) is not None:
                    return ending
    return whole


@lru_cache(maxsize=8192)
def deed_of(name: str) -> Deed | None:
    """Say what calling the canonical dotted `name` does; None when the table does not know it."""
    found = _EXACT.get(name)
    if found is not None:
        return found
    at = name.rfind(".")
    while at > 0:
        found = _PREFIXES.get(name[:at])
        if found is not None:
            return found
        at = name.rfind(".", 0, at)
    if name.endswith("." + UNKNOWN) and name.partition(".")[0] in STDLIB:
        return Deed.DYNAMIC
    return None
