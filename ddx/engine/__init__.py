"""The numbers: exact posteriors of a Bayesian network. numpy only; no files but its own cache."""
