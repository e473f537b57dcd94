"""Which modules of which libraries vet_globals.py looks at. Python 3.7 reads it."""

from __future__ import annotations

from typing import NamedTuple


class Library(NamedTuple):
    """Which modules of a library give classes (`take` less `leave`) and functions that may be stored."""

    take: str
    leave: str = r"$"
    functions: str = r"$"


LIBRARIES = {
    "sklearn": Library(
        r"sklearn\..*",
        r".*\.(datasets|callback|externals|_build_utils|inspection|experimental|.*_plot"
        r"|utils\._(mocking|testing|test_common|estimator_html_repr|array_api|readonly_array_wrapper|typedefs)"
        r"|utils\._(seq_dataset|vector_sentinel|weight_vector|plotting|repr_html)"
        r"|utils\.(mocking|testing|seq_dataset|weight_vector|estimator_checks|fixes|deprecation|graph)"
        r"|metrics\._pairwise_distances_reduction)(\..*)?",
        r"sklearn\.(metrics\.(_classification|_regression|_ranking|pairwise|cluster\..*|classification|regression"
        r"|ranking)|feature_selection\._?(univariate_selection|mutual_info_?)|preprocessing\._?data"
        r"|feature_extraction\.text|utils\.extmath)",
    ),
    "imblearn": Library(r"imblearn\..*", r".*\.(datasets|utils\._|utils\.test|utils\.est|keras|tensorflow|metrics).*"),
    "scipy": Library(
        r"scipy\.(sparse\._?(bsr|coo|csc|csr|dia|dok|lil|base|data|compressed|matrix|index)"
        r"|interpolate\._?(bsplines|cubic|fitpack2|interpolate|rbfinterp|polyint|rgi|ndgriddata|rbf)"
        r"|optimize\._?optimize|signal\._?ltisys|spatial\.transform\._rotation|linalg\._?misc"
        r"|stats\._?(kde|stats_py|morestats|binned_statistic|common|qmc|stats_mstats_common|distn_infrastructure"
        r"|continuous_distns|discrete_distns|multivariate|covariance|levy_stable(\..*)?|survival|result_classes|resampling"
        r"|hypotests|mannwhitneyu|page_trend_test|odds_ratio|relative_risk|crosstab|sensitivity_analysis|entropy|stats)"
        r"|spatial\._?(qhull|kdtree)|interpolate\._?(interpnd|ndbspline|bary_rational)|cluster\.hierarchy"
        r"|optimize\._?(constraints|lbfgsb_py|hessian_update_strategy)|integrate\._ivp\.(ivp|common|base|rk|bdf|radau|lsoda)"
        r"|sparse\.linalg\._?interface|fft\._fftlog)",
        functions=r"scipy\.spatial\.distance",
    ),
    "torch": Library(
        r"torch\.(nn\.(modules|utils)\..*|optim(\..*)?|nn\.parallel\.data_parallel|amp\.grad_scaler"
        r"|cuda\.amp\.grad_scaler|distributions\..*|utils\.data\.(dataset|sampler))",
        r".*\.(_expanded_weights.*|_functions|lazy|_multi_tensor.*|_stateless|_per_sample_grad|_named_member_accessor"
        r"|linear_cross_entropy.*|distributions\.(constraint.*|kl|utils)|prune)(\..*)?",
        r"torch\.nn\.(functional|init)",
    ),
    "torchvision": Library(r"torchvision\.(models|ops|transforms)\..*", r".*\.(v2.*|feature_extraction|_api)"),
    "transformers": Library(
        r"transformers\.(training_args.*|trainer_utils|trainer_pt_utils|trainer_callback|modeling_outputs"
        r"|generation\.configuration_utils|activations|pytorch_utils|feature_extraction_utils"
        r"|utils\.(quantization_config|generic)|debug_utils|deepspeed|integrations\.deepspeed)",
        r".*_tf",
    ),
    "trl": Library(r"trl\.trainer\..*_config"),
    "accelerate": Library(r"accelerate\.(state|utils\.(dataclasses|deepspeed))"),
    "peft": Library(r"peft\.(config|utils\.peft_types|tuners\..*\.config)"),
    "sentence_transformers": Library(r"sentence_transformers\.(.*\.)?training_args"),
    "category_encoders": Library(r"category_encoders\..*", r".*\.(datasets|wrapper)"),
    "mlxtend": Library(
        r"mlxtend\.(classifier|cluster|feature_extraction|feature_selection|preprocessing|regressor|_base)\..*"
    ),
    "hdbscan": Library(r"hdbscan\.(hdbscan_|prediction|robust_single_linkage_|dist_metrics|plots)"),
    "networkx": Library(r"networkx\.classes\..*", functions=r"networkx\.classes\.(filters|function)"),
    "nltk": Library(
        r"nltk\.(probability|tag\..*|classify\..*|grammar|lm\..*|tokenize\..*|stem\..*|text|tree\..*|collocations"
        r"|featstruct|chunk\..*)",
        r".*\.(stanford.*|senna|hunpos|weka|megam|tadm|textcat|corenlp|repp|nist|mapping|brill_trainer|crf|perceptron)",
    ),
    "pyod": Library(
        r"pyod\.models\..*",
        r".*\.(base_dl|.*gan.*|.*gaal.*|auto_encoder.*|vae|deep.*|ae1svm|dif|alad|devnet|lunar|thresholds|suod|xgbod"
        r"|rgraph|ts_.*|llm.*|.*embed.*|pytorch.*|pyg_.*|audio.*)",
    ),
    "lifelines": Library(
        r"lifelines\.(fitters\..*|utils.*)", r".*\.(sklearn_adapter|btree|concordance|printer|progress.*)"
    ),
    "statsmodels": Library(
        r"statsmodels\.(base|regression|genmod|discrete|robust|tsa|multivariate|duration|nonparametric|tools|gam"
        r"|miscmodels|othermod|distributions)(\..*)?",
        r".*\.(api|graphics.*|_testing|testing.*|x13|print_version|web|docstring|parallel|rng_qrng|transform_model)",
    ),
    "polars": Library(r"polars\.(datatypes\.classes|schema)"),
    "gensim": Library(
        r"gensim\.(models\..*|corpora\.dictionary|similarities\.(docsim|annoy|levenshtein|termsim)|interfaces)",
        r".*\.(wrappers.*|ldaseqmodel|lsi_.*|lda_.*|ldamulticore|callbacks|basemodel|_fasttext_bin|coherencemodel)",
    ),
    "surprise": Library(r"surprise\.(prediction_algorithms\..*|trainset|reader)"),
    "implicit": Library(r"implicit\.(cpu\..*|als|bpr|lmf|nearest_neighbours|recommender_base)"),
    "sklearn_crfsuite": Library(r"sklearn_crfsuite\.estimator"),
    "umap": Library(r"umap\.umap_"),
    "shap": Library(r"shap\._explanation"),
    "xgboost": Library(r"xgboost\.(core|sklearn|callback)"),
    "lightgbm": Library(r"lightgbm\.(basic|sklearn|callback)"),
}
