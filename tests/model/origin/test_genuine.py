"""Folders as the hub has them, in small: names of tensors and keys of configurations are those of real models. None is a liar."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.model.origin.makers import examine, lies

Shapes = dict[str, tuple[int, ...]]


def gpt2() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {"wte.weight": (50, 16), "wpe.weight": (32, 16), "ln_f.weight": (16,)}
    for i in range(2):
        shapes |= {
            f"h.{i}.attn.c_attn.weight": (16, 48),
            f"h.{i}.attn.bias": (1, 1, 32, 32),
            f"h.{i}.mlp.c_fc.weight": (16, 64),
        }
    return shapes, {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "n_ctx": 32, "vocab_size": 50,
    }  # fmt: skip


def bert() -> tuple[Shapes, dict[str, Any]]:
    lead = "bert.embeddings"
    shapes: Shapes = {
        f"{lead}.word_embeddings.weight": (60, 16),
        f"{lead}.position_embeddings.weight": (34, 16),
        f"{lead}.token_type_embeddings.weight": (2, 16),
    }
    for i in range(3):
        shapes |= {
            f"bert.encoder.layer.{i}.attention.self.query.weight": (16, 16),
            f"bert.encoder.layer.{i}.intermediate.dense.weight": (64, 16),
        }
    shapes |= {"cls.predictions.bias": (60,), "bert.pooler.dense.weight": (16, 16)}
    return shapes, {
        "model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
        "intermediate_size": 64, "max_position_embeddings": 34, "vocab_size": 60, "torch_dtype": "float32",
    }  # fmt: skip


def t5() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {"shared.weight": (60, 16)}
    for side in ("encoder", "decoder"):
        for i in range(2):
            shapes |= {
                f"{side}.block.{i}.layer.0.SelfAttention.q.weight": (32, 16),
                f"{side}.block.{i}.layer.1.DenseReluDense.wi.weight": (64, 16),
            }
    return shapes, {
        "model_type": "t5",
        "architectures": ["T5ForConditionalGeneration"],
        "d_model": 16,
        "num_layers": 2,
        "num_heads": 4,
        "d_kv": 8,
        "d_ff": 64,
        "vocab_size": 60,
    }


def opt() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {
        "model.decoder.embed_tokens.weight": (60, 8),
        "model.decoder.embed_positions.weight": (34, 16),
        "model.decoder.project_in.weight": (16, 8),
    }
    for i in range(2):
        shapes |= {
            f"model.decoder.layers.{i}.self_attn.q_proj.weight": (16, 16),
            f"model.decoder.layers.{i}.fc1.weight": (64, 16),
        }
    return shapes, {
        "model_type": "opt", "architectures": ["OPTForCausalLM"], "hidden_size": 16, "word_embed_proj_dim": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
        "ffn_dim": 64, "max_position_embeddings": 32, "vocab_size": 60, "tie_word_embeddings": True,
    }  # fmt: skip


def gemma() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {"model.embed_tokens.weight": (64, 16), "model.norm.weight": (16,)}
    for i in range(2):
        lead = f"model.layers.{i}"
        shapes |= {
            f"{lead}.self_attn.q_proj.weight": (64, 16),
            f"{lead}.self_attn.k_proj.weight": (32, 16),
            f"{lead}.mlp.gate_proj.weight": (128, 16),
        }
    return shapes, {
        "model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"], "hidden_size": 16, "head_dim": 32, "num_attention_heads": 2, "num_key_value_heads": 1,
        "num_hidden_layers": 2, "intermediate_size": 128, "vocab_size": 64, "max_position_embeddings": 8192,
    }  # fmt: skip


def mixtral() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {"model.embed_tokens.weight": (64, 16), "lm_head.weight": (64, 16)}
    for i in range(2):
        lead = f"model.layers.{i}"
        shapes |= {f"{lead}.self_attn.q_proj.weight": (16, 16), f"{lead}.self_attn.k_proj.weight": (8, 16)}
        shapes |= {f"{lead}.block_sparse_moe.experts.{e}.w1.weight": (32, 16) for e in range(4)}
    return shapes, {
        "model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "hidden_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": 2, "intermediate_size": 32, "vocab_size": 64, "num_local_experts": 4, "tie_word_embeddings": False,
    }  # fmt: skip


def llava() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {
        "language_model.model.embed_tokens.weight": (70, 16),
        "multi_modal_projector.linear_1.weight": (16, 12),
    }
    shapes |= {f"language_model.model.layers.{i}.self_attn.q_proj.weight": (16, 16) for i in range(2)}
    shapes |= {f"vision_tower.vision_model.encoder.layers.{i}.self_attn.q_proj.weight": (12, 12) for i in range(5)}
    text = {"model_type": "llama", "vocab_size": 64, "num_hidden_layers": 2, "hidden_size": 16}
    return shapes, {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "text_config": text,
        "vocab_size": 64,
        "torch_dtype": "float32",
    }


def deepseek() -> tuple[Shapes, dict[str, Any]]:
    """One layer more predicts further tokens; the first is dense."""
    shapes: Shapes = {"model.embed_tokens.weight": (64, 16), "lm_head.weight": (64, 16)}
    for i in range(4):
        shapes |= {
            f"model.layers.{i}.self_attn.q_a_proj.weight": (8, 16),
            f"model.layers.{i}.mlp.experts.0.gate_proj.weight": (8, 16),
        }
    return shapes, {
        "model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"], "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 3,
        "num_nextn_predict_layers": 1, "n_routed_experts": 8, "first_k_dense_replace": 1, "intermediate_size": 64, "vocab_size": 64, "tie_word_embeddings": False,
    }  # fmt: skip


def whisper() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {
        "model.decoder.embed_tokens.weight": (64, 16),
        "model.decoder.embed_positions.weight": (20, 16),
        "model.encoder.embed_positions.weight": (50, 16),
    }
    shapes |= {
        f"model.{side}.layers.{i}.self_attn.q_proj.weight": (16, 16)
        for side, n in (("encoder", 4), ("decoder", 2))
        for i in range(n)
    }
    return shapes, {
        "model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "d_model": 16, "encoder_layers": 4, "decoder_layers": 2, "num_hidden_layers": 4,
        "vocab_size": 64, "max_target_positions": 20, "max_length": 20,
    }  # fmt: skip


def clip() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {
        "text_model.embeddings.token_embedding.weight": (64, 16),
        "text_model.embeddings.position_embedding.weight": (20, 16),
    }
    shapes |= {
        f"{side}_model.encoder.layers.{i}.self_attn.q_proj.weight": (16, 16)
        for side, n in (("text", 2), ("vision", 3))
        for i in range(n)
    }
    text = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2}
    return shapes, {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "text_config": text,
        "vision_config": {"num_hidden_layers": 3},
        "projection_dim": 16,
    }


def bitsandbytes() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {"model.embed_tokens.weight": (64, 16), "lm_head.weight": (64, 16)}
    for i in range(2):
        lead = f"model.layers.{i}.self_attn.q_proj.weight"
        shapes |= {
            lead: (128, 1),
            f"{lead}.absmax": (4,),
            f"{lead}.quant_map": (16,),
            f"{lead}.quant_state.bitsandbytes__nf4": (9,),
        }
    config = mixtral()[1] | {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    return shapes, config | {
        "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True},
        "torch_dtype": "bfloat16",
    }


def t_sentence() -> tuple[Shapes, dict[str, Any]]:
    shapes: Shapes = {"embeddings.word_embeddings.weight": (60, 16), "embeddings.position_embeddings.weight": (32, 16)}
    shapes |= {f"encoder.layer.{i}.attention.self.query.weight": (16, 16) for i in range(6)}
    return shapes, {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": 16,
        "num_hidden_layers": 6,
        "max_position_embeddings": 32,
        "vocab_size": 60,
    }


@pytest.mark.parametrize(
    "make",
    [gpt2, bert, t5, opt, gemma, mixtral, llava, deepseek, whisper, clip, bitsandbytes, t_sentence],
    ids=lambda make: make.__name__,
)
def test_a_genuine_model_contradicts_nothing(tmp_path: Path, make: Callable[[], tuple[Shapes, dict[str, Any]]]) -> None:
    shapes, config = make()
    packed = "quantization_config" in config
    types = {
        name: np.uint8 if (packed and shape[-1:] == (1,)) or "quant_state" in name else np.float32
        for name, shape in shapes.items()
    }
    save_file({name: np.ones(shape, types[name]) for name, shape in shapes.items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\n---\n# A model\n\n| Model | Params |\n|---|---|\n| small | 60M |\n| large | 770M |\n\nUse `torch_dtype=torch.float16` to load it.\n"
    )
    found = examine(tmp_path)
    assert lies(found) == [], [c for c in found.document["claims"] if c["result"] == "contradicted"]
    assert {finding.id for finding in found.report.findings} <= {"MDL246"}
