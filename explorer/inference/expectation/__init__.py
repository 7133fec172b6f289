"""Expectations under a Gaussian q: nodes, wide q, terms and gradients."""
