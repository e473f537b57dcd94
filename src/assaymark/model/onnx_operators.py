"""Operators that ONNX itself defines, in any of its versions (generated from `onnx.defs`, onnx 1.23), and its old trials."""

STANDARD = frozenset(
    """
    Abs Acos Acosh Adagrad Adam Add Affine AffineGrid And ArgMax ArgMin ArrayFeatureExtractor Asin Asinh Atan
    Atanh Attention AveragePool BatchNormalization Bernoulli Binarizer BitCast BitShift BitwiseAnd BitwiseNot
    BitwiseOr BitwiseXor BlackmanWindow Caffe2ConvTranspose Cast CastLike CastMap CategoryMapper
    CausalConvWithState Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant
    ConstantFill ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh Crop CumProd CumSum DFT DeformConv
    DepthToSpace DequantizeLinear Det DictVectorizer Div Dropout DynamicQuantizeLinear DynamicSlice Einsum Elu
    Equal Erf Exp Expand Experimental EyeLike FeatureVectorizer Flatten FlexAttention Floor FusedConv
    FusedGemm GRU GRUUnit Gather GatherElements GatherND Gelu Gemm GivenTensorFill GlobalAveragePool
    GlobalLpPool GlobalMaxPool Gradient Greater GreaterOrEqual GridSample GroupNormalization HammingWindow
    HannWindow HardSigmoid HardSwish Hardmax Identity If ImageDecoder ImageScaler Imputer
    InstanceNormalization IsInf IsNaN LRN LSTM LSTMUnit LabelEncoder LayerNormalization LeakyRelu Less
    LessOrEqual LinearAttention LinearClassifier LinearRegressor Log LogSoftmax Loop LpNormalization LpPool
    MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min
    Mish Mod Momentum Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Normalizer Not
    OneHot OneHotEncoder Optional OptionalGetElement OptionalHasElement Or PRelu Pad ParametricSoftplus Pow
    QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform
    RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean
    ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign
    RotaryEmbedding Round STFT SVMClassifier SVMRegressor Scale ScaledTanh Scaler Scan Scatter ScatterElements
    ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
    SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus
    Softsign SpaceToBatch SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer
    StringSplit Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK
    Transpose TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor Trilu Unique Unsqueeze Upsample Where
    Xor ZipMap
    """.split()  # noqa: SIM905 - a table of words is read as a text
)
"""Of the domains ``, `ai.onnx`, `ai.onnx.ml`, `ai.onnx.preview.training` and `ai.onnx.training`."""
