"""The nodes of a skops schema (skops.io, protocols 0 to 4) and what loading each of them does."""

EXPECTED: dict[str, frozenset[str]] = {
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "ListNode": frozenset({"builtins.list"}),
    "SetNode": frozenset({"builtins.set", "builtins.frozenset"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "JsonNode": frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bool", "builtins.NoneType"}),
    "PartialNode": frozenset({"functools.partial"}),
    "NdArrayNode": frozenset({"numpy.ndarray", "numpy.matrix", "numpy.memmap"}),
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState", "numpy.random.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator", "numpy.random.Generator"}),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
}
"""Loader -> the classes that skops itself writes for it: these are judged no further."""
OTHERS = frozenset({
    "ObjectNode", "ConstructorFromReduceNode", "FunctionNode", "TypeNode", "MethodNode", "OperatorFuncNode",
    "DTypeNode", "SparseMatrixNode", "LossNode", "QuantileForestNode", "_DictWithDeprecatedKeysNode",
})  # fmt: skip
CALLS = frozenset({
    "ConstructorFromReduceNode", "ListNode", "SetNode", "TupleNode", "DictNode", "LossNode", "RandomStateNode",
    "RandomGeneratorNode", "NdArrayNode",
})  # fmt: skip
"""Loaders that call the class with data of the file; the other ones make it with `__new__`, or only name it."""
NAMES_ONLY = frozenset({"FunctionNode", "TypeNode", "PartialNode", "MethodNode"})
PLAIN_TYPES = frozenset({
    "int", "float", "str", "bool", "bytes", "bytearray", "complex", "list", "set", "frozenset", "map", "tuple", "dict",
    "NoneType", "object", "slice", "range", "len", "max", "min", "sum", "abs", "round", "sorted",
})  # fmt: skip
"""Builtins that may stand as a type or function."""
GENERATORS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
GETTERS = frozenset({"attrgetter", "itemgetter", "methodcaller"})
"""What skops writes an OperatorFuncNode for."""

UFUNC_HOMES = frozenset({"numpy", "numpy._core._multiarray_umath", "numpy.core._multiarray_umath", "scipy.special",
                         "scipy.special._ufuncs", "scipy.special._special_ufuncs"})  # fmt: skip
UFUNCS = frozenset(
    """
abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh bitwise_and
bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor cbrt ceil conj
conjugate copysign cos cosh deg2rad degrees divide divmod equal exp exp2 expm1 fabs float_power floor floor_divide fmax
fmin fmod frexp gcd greater greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp left_shift less
less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor matmul matvec maximum
minimum mod modf multiply negative nextafter not_equal positive pow power rad2deg radians reciprocal remainder right_shift
rint sign signbit sin sinh spacing sqrt square subtract tan tanh true_divide trunc vecdot vecmat
expit logit log_expit entr kl_div rel_entr huber pseudo_huber erf erfc erfinv erfcinv gamma gammaln loggamma digamma psi
beta betaln boxcox boxcox1p inv_boxcox inv_boxcox1p xlogy xlog1py ndtr ndtri log_ndtr cosm1 exprel softplus
""".split()  # noqa: SIM905 - a table of words
)
"""Public ufuncs of numpy, and those of scipy.special that transformers use: arithmetic on numbers."""
