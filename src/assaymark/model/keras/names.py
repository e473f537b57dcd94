"""Names that Keras itself gives a meaning, in any of its versions from 1 to 3: they need no import."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


CLASSES = words("""
    AUC AWQConfig AWQDTypePolicy AbsMaxQuantizer AbstractRNNCell Accuracy Activation ActivityRegularization
    Adadelta Adafactor Adagrad Adam AdamW Adamax AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AddLoss
    AddMetric AdditiveAttention AlphaDropout AtrousConvolution1D AtrousConvolution2D Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    BaseImageAugmentationLayer BaseRandomLayer BatchNormalization BatchNormalizationV1 BatchNormalizationV2
    Bidirectional BinaryAccuracy BinaryCrossentropy BinaryFocalCrossentropy BinaryIoU BucketizedColumn CTC
    CategoricalAccuracy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy
    CategoricalHinge CategoryEncoding CenterCrop Circle ClassMethod CombinerPreprocessingLayer Concatenate
    ConcordanceCorrelation Constant ConstantV2 Constraint Container ContrastLimitedAdaptiveHistogramEqualization
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM2DCell
    ConvLSTM3D ConvRNN2D Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D
    Convolution3DTranspose CosineDecay CosineDecayRestarts CosineProximity CosineSimilarity Cropping1D
    Cropping2D Cropping3D CrossedColumn CuDNNGRU CuDNNLSTM CutMix DTypePolicy DTypePolicyMap Deconvolution2D
    Deconvolution3D Dense DenseFeatures DepthwiseConv1D DepthwiseConv2D DepthwiseConvolution2D Dice
    Discretization Dot Dropout DynamicLossScale ELU EinsumDense Embedding EmbeddingColumn Equalization
    ExponentialDecay F1Score FBetaScore FalseNegatives FalsePositives FeatureSpace FixedLossScale Flatten
    FlaxLayer Float8QuantizationConfig FloatDTypePolicy Ftrl Function Functional GPTQConfig GPTQDTypePolicy GRU
    GRUCell GRUCellV2 GRUV2 GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D
    GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlorotNormal GlorotNormalV2
    GlorotUniform GlorotUniformV2 Graph GroupNormalization GroupQueryAttention HashedCategoricalColumn
    HashedCrossing Hashing HeNormal HeNormalV2 HeUniform HeUniformV2 Highway Hinge Huber Identity
    IdentityCategoricalColumn IdentityV2 IndexLookup IndicatorColumn Initializer InputLayer InputSpec
    InstanceMethod InstanceProperty Int4DTypePolicy Int4QuantizationConfig Int8QuantizationConfig IntegerLookup
    InverseTimeDecay IoU JaxLayer KLDivergence KerasTensor L1 L1L2 L2 LSTM LSTMCell LSTMCellV2 LSTMV2 Lamb
    Lambda Layer LayerNormalization LeakyReLU LearningRateSchedule LecunNormal LecunNormalV2 LecunUniform
    LecunUniformV2 LinearCosineDecay LinearModel Lion LocallyConnected1D LocallyConnected2D LogCosh LogCoshError
    Lookahead Loss LossFunctionWrapper LossScaleOptimizer LossScaleOptimizerV1 LossScaleOptimizerV3 Masking
    MaxNorm MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    MaxoutDense Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper MeanRelativeError
    MeanSquaredError MeanSquaredLogarithmicError MeanTensor MelSpectrogram Merge Metric MinMaxNorm Minimum MixUp
    Model MultiHeadAttention MultiOptimizer Multiply Muon Nadam NestedOptimizer Network NoisyLinearCosineDecay
    NonNeg Normalization NumericColumn OneHotIoU OneHotMeanIoU Ones OnesV2 Operation Optimizer OptimizerMap
    Orthogonal OrthogonalRegularizer OrthogonalV2 PReLU PearsonCorrelation PeepholeLSTMCell Permute
    PiecewiseConstantDecay Pipeline Poisson Policy PolicyV1 PolynomialDecay Precision PrecisionAtRecall
    PreprocessingLayer QuantizationConfig QuantizedDTypePolicy QuantizedFloat8DTypePolicy Quantizer R2Score
    RMSNormalization RMSprop RNN RNNCell RadialConstraint RandAugment RandomBrightness RandomColorDegeneration
    RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip
    RandomFourierFeatures RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomNormal
    RandomNormalV2 RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness
    RandomShear RandomTranslation RandomUniform RandomUniformV2 RandomWidth RandomZoom ReLU Recall
    RecallAtPrecision Regularizer RepeatVector Rescaling Reshape Resizing ReversibleEmbedding
    RootMeanSquaredError SGD STFT STFTSpectrogram ScheduleFreeAdamW SeedGenerator SensitivityAtSpecificity
    SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D SequenceFeatures Sequential
    SimpleRNN SimpleRNNCell SlicingOpLambda Softmax Solarization SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpecificityAtSensitivity SpectralNormalization SquaredHinge StackedRNNCells StringLookup
    Subtract Sum SumOverBatchSize SumOverBatchSizeMetricWrapper SyncBatchNormalization TFOpLambda TFOptimizer
    TFSMLayer TensorFlowOpLayer TextVectorization ThresholdedReLU TimeDistributed TimeDistributedDense
    TopKCategoricalAccuracy TorchModuleWrapper TrueNegatives TruePositives TruncatedNormal TruncatedNormalV2
    Tversky UnitNorm UnitNormalization UpSampling1D UpSampling2D UpSampling3D Variable VarianceScaling
    VarianceScalingV2 VocabularyFileCategoricalColumn VocabularyListCategoricalColumn WideDeepModel Wrapper
    ZeroPadding1D ZeroPadding2D ZeroPadding3D Zeros ZerosV2
""")
"""Layers, models, losses, metrics, optimizers, schedules, initializers, regularizers, constraints and policies."""

FUNCTIONS = words("""
    acc accuracy adadelta adagrad adam adamax bce bcefocal binary_accuracy binary_crossentropy
    binary_focal_crossentropy categorical_accuracy categorical_crossentropy categorical_focal_crossentropy
    categorical_generalized_cross_entropy categorical_hinge celu circle concordance_correlation constant cosine
    cosine_proximity cosine_similarity ctc dice elu exponential ftrl gelu glorot_normal glorot_uniform glu
    hard_shrink hard_sigmoid hard_silu hard_tanh he_normal he_uniform hinge huber huber_loss identity
    kl_divergence kld kullback_leibler_divergence l1 l1_l2 l2 leaky_relu lecun_normal lecun_uniform linear
    log_cosh log_sigmoid log_softmax logcosh mae mape max_norm maxnorm mean_absolute_error
    mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error min_max_norm mish mse msle
    nadam non_neg nonneg normal ones orthogonal pearson_correlation poisson random_normal random_uniform relu
    relu6 rmsprop selu sgd sigmoid silu soft_shrink softmax softplus softsign sparse_categorical_accuracy
    sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparse_top_k_categorical_accuracy sparsemax
    squared_hinge squareplus swish tanh tanh_shrink threshold top_k_categorical_accuracy truncated_normal
    tversky uniform unit_norm unitnorm variance_scaling zeros
""")
"""Activations, losses and metrics as functions, and the short names of other built-ins."""
