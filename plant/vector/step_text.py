"""The C text of the step: elimination on the fixed pattern, stages, control of each substep.

Every lane has its own substep. A lane whose error estimate is too large repeats the substep with a
smaller one while its neighbours go on; lanes that have arrived wait unchanged for the last. What a
lane computes depends on its own numbers alone.
"""

ELIMINATION = """
static void factor(v *restrict a, v *restrict inverse, v *restrict row) {
  for (int i = 0; i < N_X; i++) {
    const int start = ROW_STARTS[i], diagonal = DIAGONALS[i], end = ROW_STARTS[i + 1];
    for (int p = start; p < end; p++) row[COLUMNS[p]] = a[p];
    for (int p = start; p < diagonal; p++) {
      const int k = COLUMNS[p];
      const v l = row[k] * inverse[k];
      a[p] = l;
      for (int q = DIAGONALS[k] + 1; q < ROW_STARTS[k + 1]; q++) row[COLUMNS[q]] -= l * a[q];
    }
    for (int p = diagonal; p < end; p++) a[p] = row[COLUMNS[p]];
    inverse[i] = 1.0 / row[i];
  }
}
static void solve(const v *restrict a, const v *restrict inverse, v *restrict b,
                  v *restrict z) {
  for (int i = 0; i < N_X; i++) {
    v sum = b[ORDER[i]];
    for (int p = ROW_STARTS[i]; p < DIAGONALS[i]; p++) sum -= a[p] * z[COLUMNS[p]];
    z[i] = sum;
  }
  for (int i = N_X - 1; i >= 0; i--) {
    v sum = z[i];
    for (int p = DIAGONALS[i] + 1; p < ROW_STARTS[i + 1]; p++) sum -= a[p] * z[COLUMNS[p]];
    z[i] = sum * inverse[i];
    b[ORDER[i]] = z[i];
  }
}
"""

STEP = """
static v *aligned(double *w) {
  const unsigned long long size = sizeof(v);
  return (v *)(((unsigned long long)w + size - 1) / size * size);
}
static void gather(const double *from, int count, v *to) {
  for (int j = 0; j < count; j++) EACH to[j][i] = from[i * count + j];
}
static void scatter(const v *from, int count, double *to) {
  for (int j = 0; j < count; j++) EACH to[i * count + j] = from[j][i];
}
static int none(m where) {
  long long any = 0;
  EACH any |= where[i];
  return !any;
}
static v weighted(const double *weights, const v *k, int count) {
  v sum = splat(0.0);
  for (int j = 0; j < count; j++) sum += weights[j] * k[j * N_X];
  return sum;
}
/* The estimate has order two: an error beyond all limits, or none at all, shrinks a step most. */
static v next_size(v error, double tolerance, double growth) {
  const v factor = 0.9 * lane_exp((lane_log(splat(tolerance)) - lane_log(error)) * (1.0 / 3.0));
  return choose(error <= tolerance, lane_fmin(lane_fmax(factor, splat(0.2)), splat(growth)),
                choose(factor >= 0.2, lane_fmin(factor, splat(0.9)), splat(0.2)));
}
#define STEP_WORK ((2 + N_STAGES) * N_X + N_U + N_D + N_ENTRIES + 4 * N_X + N_WORK)
static int vector_step_body(const double **arg, double **res, double *memory) {
  v *x = aligned(memory), *u = x + N_X, *d = u + N_U, *f = d + N_D, *y = f + N_X;
  v *k = y + N_X, *a = k + N_STAGES * N_X, *inverse = a + N_ENTRIES, *row = inverse + N_X;
  v *z = row + N_X, *w = z + N_X;
  gather(arg[0], N_X, x), gather(arg[1], N_U, u), gather(arg[2], N_D, d);
  const double tolerance = arg[3][2], growth = arg[3][3];
  const int most = (int)arg[3][4];
  v left = splat(arg[3][0]), h = splat(arg[3][1]);
  v report[] = {splat(0.0), splat(0.0), splat(0.0)};
  for (int n = 0; n < most; n++) {
    const m active = left > 0.0;
    if (none(active)) break;
    const v count = lane_ceil(left / h - 1e-9);
    h = choose(active, left / lane_fmax(count, splat(1.0)), h);
    const v per_h = 1.0 / h;
    for (int p = 0; p < N_ENTRIES; p++) a[p] = splat(0.0);
    rates_and_slopes(x, u, d, f, a, w);
    for (int i = 0; i < N_X; i++) a[DIAGONALS[i]] += per_h / DIAGONAL;
    factor(a, inverse, row);
    for (int s = 0; s < N_STAGES; s++) {
      if (s > 0) {
        for (int i = 0; i < N_X; i++) y[i] = x[i] + weighted(STAGE_STATES + s * N_STAGES, k + i, s);
        rates(y, u, d, f, w);
      }
      v *stage = k + s * N_X;
      for (int i = 0; i < N_X; i++)
        stage[i] = f[i] + weighted(STAGE_RATES + s * N_STAGES, k + i, s) * per_h;
      solve(a, inverse, stage, z);
    }
    v error = splat(0.0);
    for (int i = 0; i < N_X; i++) {
      const v one = lane_fabs(weighted(ERROR_WEIGHTS, k + i, N_STAGES)) * SPANS[i];
      error = choose((one > error) | (one != one), one, error);
    }
    const m accepted = active & (error <= tolerance);
    for (int i = 0; i < N_X; i++)
      x[i] = choose(accepted, x[i] + weighted(STEP_WEIGHTS, k + i, N_STAGES), x[i]);
    left = choose(accepted, choose(count <= 1.0, splat(0.0), left - h), left);
    report[0] = choose(accepted & (error > report[0]), error, report[0]);
    report[1] += truth(active);
    h *= choose(active, next_size(error, tolerance, growth), splat(1.0));
  }
  report[2] = truth(left == 0.0);
  scatter(x, N_X, res[0]), scatter(report, 3, res[1]);
  return 0;
}
#define OUTPUTS_WORK (N_X + N_U + N_D + N_Y + N_WORK)
static int vector_outputs_body(const double **arg, double **res, double *memory) {
  v *x = aligned(memory), *u = x + N_X, *d = u + N_U, *y = d + N_D, *w = y + N_Y;
  gather(arg[0], N_X, x), gather(arg[1], N_U, u), gather(arg[2], N_D, d);
  outputs(x, u, d, y, w);
  scatter(y, N_Y, res[0]);
  return 0;
}
"""
