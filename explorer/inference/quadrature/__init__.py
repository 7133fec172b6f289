"""log p(x) and p(z|x) by quadrature on a lattice, where latent space has one or two dimensions."""
