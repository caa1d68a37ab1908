"""What a study will take, before it runs: from its parameters and measured throughput, without a network."""
