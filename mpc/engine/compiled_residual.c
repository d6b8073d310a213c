/* How far a point is from solving a QP. It knows nothing of how the point was found. */

/* The larger one; NaN once it is there. */
static double worse(double worst, double value) {
  return value > worst || value != value ? value : worst;
}

/* Product of two vectors of any length. */
static double product(const double *a, const double *b, int count) {
  lanes sum = {0.0};
  int i = 0;
  for (; i + WIDTH <= count; i += WIDTH) sum += *(const lanes *)(a + i) * *(const lanes *)(b + i);
  double rest = sum_of(sum);
  for (; i < count; i++) rest += a[i] * b[i];
  return rest;
}

/* y += factor x, of any length. */
static void accumulate(double *y, double factor, const double *x, int count) {
  int i = 0;
  for (; i + WIDTH <= count; i += WIDTH) *(lanes *)(y + i) += factor * *(const lanes *)(x + i);
  for (; i < count; i++) y[i] += factor * x[i];
}

/* A value between limits with its price: how far outside, and what a price off its limit counts. */
static double off_limits(double worst, double value, double low, double high, double price,
                         double size) {
  double above = value - high, below = low - value, gap = fabs(price > 0.0 ? above : below);
  worst = worse(worse(worst, above), below);
  if (gap > 1e3) gap = 1e3;
  return worse(worst, fabs(price) * gap / size);
}

/* Arguments: n, m; hessian, gradient, rows by column, row_low, row_high, low, high; x, prices of
   rows and of bounds. Results: the residual, memory of n + m numbers. */
static int qp_residual_body(const double **arg, double **res, double *unused) {
  int n = (int)arg[0][0], m = (int)arg[0][1];
  const double *hessian = arg[1], *gradient = arg[2], *rows = arg[3], *x = arg[8];
  const double *row_prices = arg[9], *bound_prices = arg[10];
  double size = 0.0, worst = -INFINITY, *value = res[1];
  (void)unused;
  for (int j = 0; j < n; j++) size = worse(size, fabs(gradient[j]));
  size += 1.0;
  for (int r = 0; r < m; r++) value[r] = 0.0;
  for (int j = 0; j < n; j++) {
    double slope = gradient[j] + bound_prices[j] + product(hessian + (long)j * n, x, n);
    slope += product(rows + (long)j * m, row_prices, m);
    accumulate(value, x[j], rows + (long)j * m, m);
    worst = worse(worst, fabs(slope) / size);
    worst = worse(worst, x[j] - x[j]);
    worst = off_limits(worst, x[j], arg[6][j], arg[7][j], bound_prices[j], size);
  }
  for (int r = 0; r < m; r++)
    worst = off_limits(worst, value[r], arg[4][r], arg[5][r], row_prices[r], size);
  res[0][0] = worst;
  return 0;
}
