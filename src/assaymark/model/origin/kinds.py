"""Architectures by the names of their tensors: coarse groups, for contradictions that are beyond doubt."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

_GROUPS: Mapping[str, tuple[re.Pattern[str], frozenset[str]]] = {
    group: (re.compile(pattern), frozenset(families.split()))
    for group, pattern, families in (
        ("decoder with q_proj", r"(?<!decoder\.)(?<!encoder\.)(?:^|(?<=\.))layers\.\d+\.self_attn\.(?:q_proj|qkv_proj|o_proj|q_a_proj|dense)\.",
         ("llama mistral mixtral qwen2 qwen2_moe qwen3 qwen3_moe gemma gemma2 gemma3_text phi phi3 stablelm olmo olmo2 cohere starcoder2"
         " deepseek_v2 deepseek_v3 granite internlm3 glm persimmon olmoe smollm3")),
        ("GPT-2", r"(?:^|\.)h\.\d+\.attn\.c_attn\.", "gpt2 gpt_bigcode"),
        ("GPT-J", r"(?:^|\.)h\.\d+\.attn\.q_proj\.", "gptj codegen"),
        ("GPT-Neo", r"(?:^|\.)h\.\d+\.attn\.attention\.q_proj\.", "gpt_neo"),
        ("GPT-NeoX", r"gpt_neox\.layers\.\d+\.attention\.query_key_value\.", "gpt_neox"),
        ("BLOOM or Falcon", r"(?:^|\.)h\.\d+\.self_attention\.query_key_value\.", "bloom falcon RefinedWeb RefinedWebModel"),
        ("BERT", r"encoder\.layer\.\d+\.attention\.self\.query\.",
         "bert roberta xlm-roberta camembert electra deberta layoutlm ernie data2vec-text"),
        ("DistilBERT", r"transformer\.layer\.\d+\.attention\.q_lin\.", "distilbert"),
        ("ALBERT", r"albert_layer_groups\.", "albert"),
        ("DeBERTa", r"encoder\.layer\.\d+\.attention\.self\.(?:query_proj|in_proj)\.", "deberta deberta-v2"),
        ("MPNet", r"encoder\.layer\.\d+\.attention\.attn\.q\.", "mpnet"),
        ("T5", r"(?:encoder|decoder)\.block\.\d+\.layer\.\d\.SelfAttention\.q\.", "t5 mt5 umt5 longt5 switch_transformers"),
        ("OPT", r"decoder\.layers\.\d+\.self_attn\.q_proj\.", "opt bart mbart m2m_100 pegasus whisper marian blenderbot speech_to_text"),
        ("ViT", r"encoder\.layer\.\d+\.attention\.attention\.query\.", "vit deit beit dinov2 vit_mae audio-spectrogram-transformer"),
        ("CLIP", r"text_model\.encoder\.layers\.\d+\.self_attn\.q_proj\.", "clip siglip clip_text_model chinese_clip"),
        ("wav2vec 2.0", r"encoder\.layers\.\d+\.attention\.q_proj\.", "wav2vec2 hubert wavlm unispeech data2vec-audio"),
        ("MPT", r"transformer\.blocks\.\d+\.attn\.Wqkv\.", "mpt"),
        ("Mamba", r"layers\.\d+\.mixer\.(?:in_proj|x_proj|A_log)", "mamba mamba2 falcon_mamba"),
        ("RWKV", r"blocks\.\d+\.attention\.time_decay", "rwkv"),
        ("ResNet", r"(?:encoder\.stages\.\d+\.layers\.\d+\.layer\.\d\.convolution|^layer[1-4]\.\d+\.conv\d)\.", "resnet"),
    )
}  # fmt: skip
_LOOKED = 20_000
"""Names that are held against the patterns: a family shows in the first hundred."""
_LAYERED = re.compile(r"(?P<list>(?:.*?[._])?(?:layers|layer|h|blocks|block|blk))\.(?P<number>\d{1,5})\.")
EMBEDDINGS = (
    "embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight", "tok_embeddings.weight",
    "token_embd.weight", "shared.weight", "token_embedding.weight",
)  # fmt: skip
POSITIONS = (
    "wpe.weight",
    "position_embeddings.weight",
    "embed_positions.weight",
    "position_embedding.weight",
    "position_embd.weight",
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """The group that a family belongs to ("" where that is not known), and the groups whose tensors are there."""

    claimed: frozenset[str]
    found: frozenset[str]

    @property
    def told(self) -> bool | None:
        """Whether they go together; None where it cannot be told."""
        if not self.claimed or not self.found:
            return None
        return bool(self.claimed & self.found)


def likeness(family: str, names: Iterable[str]) -> Likeness:
    """Hold `model_type` against the names of tensors."""
    claimed = frozenset(group for group, (_, families) in _GROUPS.items() if family in families)
    found: set[str] = set()
    for name in islice(names, _LOOKED):
        found.update(group for group, (pattern, _) in _GROUPS.items() if group not in found and pattern.search(name))
    return Likeness(claimed, frozenset(found))


def layer_lists(names: Iterable[str]) -> dict[str, set[int]]:
    """Lists of layers by what leads their numbers: the numbers that occur. Lists inside of layers are left out."""
    lists: dict[str, set[int]] = {}
    for name in names:
        match = _LAYERED.match(name)
        if match:
            lists.setdefault(match["list"], set()).add(int(match["number"]))
    return lists


def layer_of(name: str) -> str:
    """The layer that a tensor belongs to: `layers.3`, else its name without the last part."""
    match = _LAYERED.match(name)
    return f"{match['list']}.{match['number']}"[:100] if match else (name.rpartition(".")[0] or name)[:100]
