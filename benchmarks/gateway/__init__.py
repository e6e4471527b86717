"""What the gateway costs: against asking the provider directly, against nginx as a plain proxy, against LiteLLM's proxy."""
