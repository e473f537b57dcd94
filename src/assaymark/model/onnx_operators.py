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

_MICROSOFT = frozenset(
    """
    AdamOptimizer AdamWOptimizer AllGather AllReduce AllToAll Attention AttnLSTM AveragePoolGrad
    BatchNormalizationGrad BatchNormInternal BeamSearch BiasAdd BiasDropout BiasFastGeluGrad_dX BiasGelu
    BiasGeluGrad_dX BiasSoftmax BiasSplitGelu BifurcationDetector BitmaskBiasDropout BitmaskDropout
    BitmaskDropoutGrad BranchwiseRMSNorm CausalConvWithState CDist ComplexMul ComplexMulConj ConcatTraining
    ConvGrad ConvStateReplay ConvTransposeWithDynamicPads CropAndResize DecoderAttention
    DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention DequantizeBFP DequantizeLinear
    DequantizeWithOrder DistributedExpand DistributedMatMul DistributedReduceMax DistributedReduceMean
    DistributedReduceSum DistributedReshape DistributedSlice DistributedSqueeze DistributedUnsqueeze
    DropoutGrad DynamicQuantizeLSTM DynamicQuantizeMatMul DynamicSparseAttention DynamicTimeWarping
    EmbedLayerNormalization EngramGate EPContext ExpandDims FakeQuant FakeQuantGrad FastGelu FastGeluGrad
    FusedConv FusedGemm FusedMatMul FusedMatMulActivation GatedAdd GatedDeltaNet GatedDeltaNetStateReplay
    GatedRelativePositionBias GatedRMSNorm GatherBlockQuantized GatherElementsGrad GatherGrad GatherND
    GatherNDGrad GatherPacked Gelu GeluGrad GemmaRotaryEmbedding GemmFastGelu GemmFloat8 GreedySearch
    GridSample Group GroupNorm GroupQueryAttention GRUGrad GRUTraining HyperConnectionLowRankMix
    HyperConnectionPostMix HyperConnectionPreMix InPlaceAccumulator InPlaceAccumulatorV2 InplaceClipGradNorm
    Inverse InvertibleLayerNormalizationGrad Irfft IsAllFinite LambOptimizer LayerNormalizationGrad
    LeakyReluGrad LinearAttention LinearAttentionGate LogSoftmaxGrad LogSoftmaxGrad_13 LongformerAttention
    LSTMGrad LSTMTraining Mamba2Verify MatMulBlockQuantizedFp4Weight MatMulBlockQuantizedFp8Weight MatMulBnb4
    MatMulFpQ4 MatMulInteger16 MatMulIntegerToFloat MatMulNBits MatMulNBitsMlp MatMulNBitsQkv MatMulNBitsQLoRA
    MatMulPacked MaxPoolGrad MaxpoolWithMask MixedPrecisionScale MoE MoEGroupRouter MoEPacked MRotaryEmbedding
    MulInteger MultiHeadAttention MurmurHash3 NGramHashMapping NGramRepeatBlock NhwcConv NhwcFusedConv
    NhwcMaxPool PackedAttention PackedMultiHeadAttention PackedSparseAttentionIndexer
    PackedSparseAttentionIndexerMerge Pad PadAndUnflatten PagedAttention PassThrough QAttention
    QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv
    QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax
    QLinearWhere QMoE QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedLongformerAttention
    QOrderedMatMul QuantizeBFP QuantizeLinear QuantizeWithOrder QuickGelu QuickGeluGrad Range ReduceAllL2
    ReduceSumInteger ReduceSumTraining RelativePositionBias ReluGrad RemovePadding ResizeGrad RestorePadding
    Rfft RMSNormRotary RotaryEmbedding RouterGateUpProj SampleOp Sampling Scale ScaledSiLU ScatterND
    SGDOptimizer SGDOptimizerV2 ShardedMoE SigmoidGrad SimplifiedLayerNormalizationGrad SkipGroupNorm
    SkipLayerNormalization SkipSimplifiedLayerNormalization SliceGrad SoftmaxCrossEntropy
    SoftmaxCrossEntropyGrad SoftmaxCrossEntropyLossGrad SoftmaxCrossEntropyLossInternal
    SoftmaxCrossEntropyLossInternalGrad SoftmaxGrad SoftmaxGrad_13 SparseAttention SparseAttentionIndexer
    SparsePagedAttention SparseSoftmaxCrossEntropy SparseSoftmaxCrossEntropyGrad SparseToDenseMatMul
    SpeculativePrefixCommit SplitTraining SwiGLU TanhGrad Tokenizer TorchEmbedding TransposeMatMul Trilu
    UnfoldTensor Unique VarlenCausalConvWithState VarlenNGramHashMapping WhisperBeamSearch WordConvEmbedding
    ZeroGradient
    """.split()  # noqa: SIM905 - a table of words is read as a text
)
_LAYOUT = frozenset(
    """
    AveragePool BatchNormalization Conv ConvTranspose DepthToSpace GlobalAveragePool GlobalLpPool
    GlobalMaxPool GridSample InstanceNormalization LpPool LRN MaxPool MaxUnpool QLinearAveragePool QLinearConv
    QLinearConvTranspose ReorderInput ReorderOutput Resize SpaceToDepth Upsample
    """.split()  # noqa: SIM905 - a table of words is read as a text
)
CONTRIB = {
    "com.microsoft": _MICROSOFT,
    "com.microsoft.nchwc": _LAYOUT,
    "com.ms.internal.nhwc": _LAYOUT,
    "": frozenset({"SimplifiedLayerNormalization", "MemcpyFromHost", "MemcpyToHost"}),
}
"""What onnxruntime itself registers beside ONNX's own, by domain: schemas and kernels of the wheels 1.17.3, 1.20.1, 1.24.4 and 1.32.0
(`get_all_operator_schema`, `get_all_opkernel_def`), and those of its builds for training and for several devices.

Left out, for they run what is not in the graph: `ATen`, `ExternalFunctionBridge`, `RemoteCall` and `PythonOp` call what
is named, `Snpe` has a compiled engine. Plugins of TensorRT (`*_TRT`) come from a library of its own.
"""
