"""The local server: an OpenAI-compatible API on transformers and peft that follows vLLM's contract."""
