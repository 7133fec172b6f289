// The gradient of the ELBO from values of log p(x|z) at fixed nodes.

/**
 * The gradient of the ELBO along u₁, u₂, σ₁, σ₂ from log p(x|z) at a rule's nodes alone: by Stein's lemma
 * E[∇f] = E[f(z) ε] / σ and E[∂f/∂σ] = E[f(z) (ε² − 1)] / σ. Up to two latent dimensions, where q = N(m, diag(σ²)).
 */
export function gradientFrom(rule, values, state, d) {
  const out = [0, 0, 0, 0];
  let mean = 0;
  for (let k = 0; k < rule.count; k++) mean += rule.weights[k] * values[k];
  for (let k = 0; k < rule.count; k++) {
    const f = rule.weights[k] * (values[k] - mean);
    for (let j = 0; j < d; j++) {
      const eps = rule.nodes[k * d + j];
      out[j] += (f * eps) / state.sigma[j];
      out[2 + j] += (f * (eps * eps - 1)) / state.sigma[j];
    }
  }
  for (let j = 0; j < d; j++) {
    out[j] -= state.u[j];
    out[2 + j] -= state.sigma[j] - 1 / state.sigma[j];
  }
  return out;
}
