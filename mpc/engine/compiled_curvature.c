/* Second derivatives of stages that are maps on the move blocks; see `curvature.py` for the sum.

   Backwards along the horizon, for all columns j at once: with G[k] the response of x[k+1],

     L[k] = A[k+1]' L[k+1] + ends[k] (G[k]; E[k]) + inside[k+1] (G[k]; E[k+1]),
     rows of the block of stage k += B[k]' L[k] + ends[k] (G[k]; E[k]) + inside[k] (G[k-1]; E[k])

   of the parts by x, and by u. It takes N^2 n_x^2 products where the sum itself takes N^3 n_x. The
   lower triangle is made; columns of later blocks are left out on the way. */

/* out += values[0..count) times the rows of G, up to column `used`. */
static void gather(int count, const double *values, const double *rows, long stride, int used,
                   double *out) {
  for (int j = 0; j < count; j++)
    if (values[j] != 0.0) add_any(out, values[j], rows + j * stride, used);
}

/* Arguments: n_pred, n_x, n_u, columns; first column of each stage; A and B of all stages, each
   transposed; G; second derivatives at the ends and inside of the stages, each of (x, u).
   Results: the Hessian on the blocks; memory. */
static int reduced_hessian_body(const double **arg, double **res, double *unused) {
  int n_pred = (int)arg[0][0], n_x = (int)arg[0][1], n_u = (int)arg[0][2];
  int n = (int)arg[0][3], z = n_x + n_u;
  double *later = res[1], *here = later + (long)n_x * n;
  (void)unused;
  memset(res[0], 0, (long)n * n * sizeof(double));
  memset(later, 0, 2L * n_x * n * sizeof(double));
  for (int k = n_pred - 1; k >= 0; k--) {
    int first = (int)arg[1][k], used = first + n_u;
    int before = k > 0 ? (int)arg[1][k - 1] + n_u : 0;
    const double *a = arg[2] + (long)k * n_x * n_x, *b = arg[3] + (long)k * n_u * n_x;
    const double *g = arg[4] + (long)k * n_x * n, *old = g - (long)n_x * n;
    const double *ends = arg[5] + (long)k * z * z, *inside = arg[6] + (long)k * z * z;
    for (int i = 0; i < n_x; i++) {
      gather(n_x, ends + i * z, g, n, used, later + (long)i * n);
      for (int j = 0; j < n_u; j++) later[(long)i * n + first + j] += ends[i * z + n_x + j];
    }
    for (int i = 0; i < n_u; i++) {
      double *row = res[0] + (long)(first + i) * n;
      int u = (n_x + i) * z;
      gather(n_x, b + i * n_x, later, n, used, row);
      gather(n_x, ends + u, g, n, used, row);
      gather(k > 0 ? n_x : 0, inside + u, old, n, before, row);
      for (int j = 0; j < n_u; j++) row[first + j] += ends[u + n_x + j] + inside[u + n_x + j];
    }
    memset(here, 0, (long)n_x * n * sizeof(double));
    for (int i = 0; i < n_x && k > 0; i++) {
      double *row = here + (long)i * n;
      gather(n_x, a + i * n_x, later, n, before, row);
      gather(n_x, inside + i * z, old, n, before, row);
      for (int j = 0; j < n_u && first + n_u == before; j++) row[first + j] += inside[i * z + n_x + j];
    }
    double *spare = later;
    later = here, here = spare;
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) res[0][(long)j * n + i] = res[0][(long)i * n + j];
  return 0;
}
