/** What the config.json of each model says of its size, keys that it leaves out left out. */
export const CONFIGS: Record<string, object> = {
  "smollm2-360m": {
    ...sizes("llama", 32, 960, 15, 5, 2560, 49152, 8192),
    tie_word_embeddings: true,
  },
  "llama-3.2-1b": {
    ...sizes("llama", 16, 2048, 32, 8, 8192, 128256, 131072),
    head_dim: 64,
    attention_bias: false,
    tie_word_embeddings: true,
  },
  "mistral-7b-v0.3": {
    ...sizes("mistral", 32, 4096, 32, 8, 14336, 32768, 32768),
    sliding_window: null,
    tie_word_embeddings: false,
  },
  "phi-4-mini": {
    ...sizes("phi3", 32, 3072, 24, 8, 8192, 200064, 131072),
    attention_bias: false,
    partial_rotary_factor: 0.75,
    sliding_window: 262144,
    tie_word_embeddings: true,
  },
  "qwen-2.5-7b": {
    ...sizes("qwen2", 28, 3584, 28, 4, 18944, 152064, 32768),
    sliding_window: 131072,
    use_sliding_window: false,
    tie_word_embeddings: false,
  },
  "qwen-3-0.6b": {
    ...sizes("qwen3", 28, 1024, 16, 8, 3072, 151936, 40960),
    head_dim: 128,
    attention_bias: false,
    sliding_window: null,
    tie_word_embeddings: true,
  },
  "gemma-2-9b": {
    ...sizes("gemma2", 42, 3584, 16, 8, 14336, 256000, 8192),
    head_dim: 256,
    sliding_window: 4096,
  },
  "gemma-3-1b": {
    ...sizes("gemma3_text", 26, 1152, 4, 1, 6912, 262144, 32768),
    head_dim: 256,
    sliding_window: 512,
    sliding_window_pattern: 6,
  },
  "gemma-3-4b": withPictures({
    hidden_size: 2560,
    intermediate_size: 10240,
    num_hidden_layers: 34,
    sliding_window: 1024,
  }),
  "gemma-3-12b": withPictures({
    hidden_size: 3840,
    intermediate_size: 15360,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    num_hidden_layers: 48,
    sliding_window: 1024,
  }),
  "smollm3-3b": {
    ...sizes("smollm3", 36, 2048, 16, 4, 11008, 128256, 65536),
    attention_bias: false,
    sliding_window: null,
    no_rope_layer_interval: 4,
  },
  "stablelm-2-1.6b": { ...sizes("stablelm", 24, 2048, 32, 32, 5632, 100352, 4096), use_qkv_bias: true },
};

function sizes(model_type: string, ...numbers: number[]) {
  const [num_hidden_layers, hidden_size, num_attention_heads, num_key_value_heads] = numbers;
  const [intermediate_size, vocab_size, max_position_embeddings] = numbers.slice(4);
  return {
    model_type,
    num_hidden_layers,
    hidden_size,
    num_attention_heads,
    num_key_value_heads,
    intermediate_size,
    vocab_size,
    max_position_embeddings,
  };
}

function withPictures(text: object) {
  return {
    model_type: "gemma3",
    text_config: { model_type: "gemma3_text", ...text },
    vision_config: {
      hidden_size: 1152,
      image_size: 896,
      intermediate_size: 4304,
      model_type: "siglip_vision_model",
      num_attention_heads: 16,
      num_hidden_layers: 27,
      patch_size: 14,
    },
  };
}
