/* The QP of an iteration and the cost of a plan; see `cost.py` for what is written.

   Every matrix comes by rows but the rows of the QP, which come by columns. A number that is not
   finite stays one: comparisons are written so that NaN goes through. */

typedef struct {
  int n_pred, n_blocks, n_u, n_y, n_rows, n_slacks, n_rated;
  const double *stage, *cv, *slack, *sign, *rated, *first;
  const double *tracking, *move, *resting, *shares, *counts, *low, *high, *changes;
  const double *limits, *linear, *quadratic, *levenberg;
  const double *held, *rest, *first_low, *first_high, *bias, *wanted;
} Problem;

static const double *take(const double **from, long count) {
  const double *here = *from;
  *from += count;
  return here;
}

/* arg: sizes, places, parts that seldom change, parts that always do. */
static Problem problem_of(const double **arg) {
  const double *s = arg[0], *p = arg[1], *f = arg[2], *n = arg[3];
  Problem q = {(int)s[0], (int)s[1], (int)s[2], (int)s[3], (int)s[4], (int)s[5], (int)s[6]};
  q.stage = take(&p, q.n_rows), q.cv = take(&p, q.n_rows), q.slack = take(&p, q.n_rows);
  q.sign = take(&p, q.n_rows), q.rated = take(&p, q.n_rated);
  q.first = take(&p, q.n_pred), q.shares = take(&p, q.n_blocks), q.counts = take(&p, q.n_blocks);
  q.tracking = take(&f, (long)q.n_pred * q.n_y), q.move = take(&f, q.n_u);
  q.resting = take(&f, q.n_u), q.low = take(&f, (long)q.n_blocks * q.n_u);
  q.high = take(&f, (long)q.n_blocks * q.n_u);
  q.changes = take(&f, (long)(q.n_blocks - 1) * q.n_u), q.limits = take(&f, q.n_rows);
  q.linear = take(&f, q.n_slacks), q.quadratic = take(&f, q.n_slacks), q.levenberg = take(&f, 1);
  q.held = take(&n, q.n_u), q.rest = take(&n, q.n_u), q.first_low = take(&n, q.n_u);
  q.first_high = take(&n, q.n_u), q.bias = take(&n, q.n_y), q.wanted = take(&n, 0);
  return q;
}

static double clipped(double value, double low, double high) {
  return value < low ? low : value > high ? high : value;
}

/* sign (y - limit) of one row; `bias` of all outputs. */
static double outside(const Problem *q, const double *y, const double *bias, int row) {
  int cv = (int)q->cv[row];
  double value = y[(int)q->stage[row] * q->n_y + cv] + (bias ? bias[cv] : 0.0);
  return q->sign[row] * (value - q->limits[row]);
}

/* What the slacks of outputs with bias cost; `worst` has room for all of them. */
static double slack_cost(const Problem *q, const double *y, double *worst) {
  double cost = 0.0;
  for (int i = 0; i < q->n_slacks; i++) worst[i] = 0.0;
  for (int r = 0; r < q->n_rows; r++) {
    double over = outside(q, y, NULL, r), *most = worst + (int)q->slack[r];
    if (over > *most || over != over) *most = over;
  }
  for (int i = 0; i < q->n_slacks; i++)
    if (worst[i] != 0.0) cost += worst[i] * (q->linear[i] + q->quadratic[i] * worst[i]);
  return cost;
}

static double move_of(const Problem *q, const double *blocks, int b, int j) {
  double before = b == 0 ? q->held[j] : blocks[(b - 1) * q->n_u + j];
  return blocks[b * q->n_u + j] - before;
}

/* Arguments: as in problem_of; blocks, outputs with bias.
   Results: the cost without a stage cost and, as a part of it, that of the slacks; memory of one
   number for each slack. */
static int plan_cost_body(const double **arg, double **res, double *unused) {
  Problem q = problem_of(arg);
  const double *blocks = arg[4], *y = arg[5];
  double tracked = 0.0, moved = 0.0;
  (void)unused;
  for (int k = 0; k < q.n_pred; k++)
    for (int i = 0; i < q.n_y; i++) {
      double gap = y[k * q.n_y + i] - q.wanted[k * q.n_y + i];
      tracked += gap * gap * q.tracking[k * q.n_y + i];
    }
  for (int b = 0; b < q.n_blocks; b++)
    for (int j = 0; j < q.n_u; j++) {
      double move = move_of(&q, blocks, b, j), away = blocks[b * q.n_u + j] - q.rest[j];
      moved += move * move * q.move[j] + q.shares[b] * away * away * q.resting[j];
    }
  res[0][1] = slack_cost(&q, y, res[1]);
  res[0][0] = tracked + moved + res[0][1];
  return 0;
}

/* Lower triangle += weight row row' of up to eight rows; one row of the triangle after the other,
   so that it is fetched once for all of them. */
static void add_squares(int count, const double *weights, const int *used, const double *rows,
                        int width, double *hessian) {
  int most = 0;
  for (int i = 0; i < count; i++) most = used[i] > most ? used[i] : most;
  for (int j = 0; j < most; j++)
    for (int i = 0; i < count; i++) {
      const double *row = rows + (long)i * width;
      if (j < used[i] && row[j] != 0.0)
        add(hessian + (long)j * width, weights[i] * row[j], row, padded(j + 1));
    }
}

/* Slope of the squares of the tracked outputs. */
static void add_slope(const Problem *q, const double *free, const double *response, int n_moves,
                      double *slope) {
  for (int place = 0; place < q->n_pred * q->n_y; place++) {
    double weight = 2.0 * q->tracking[place];
    double gap = free[place] + q->bias[place % q->n_y] - q->wanted[place];
    int used = (int)q->first[place / q->n_y] + q->n_u;
    if (weight != 0.0) add_any(slope, weight * gap, response + (long)place * n_moves, used);
  }
}

/* Squares of the tracked outputs: lower triangle, on padded columns. */
static void add_tracking(const Problem *q, const double *response, int n_moves, double *hessian,
                         double *rows) {
  int width = padded(n_moves), count = 0, used[WIDTH];
  double weights[WIDTH];
  for (int place = 0; place < q->n_pred * q->n_y; place++) {
    double weight = 2.0 * q->tracking[place], *row = rows + (long)count * width;
    if (weight == 0.0) continue;
    used[count] = (int)q->first[place / q->n_y] + q->n_u, weights[count] = weight;
    memcpy(row, response + (long)place * n_moves, used[count] * sizeof(double));
    for (int j = used[count]; j < padded(used[count]); j++) row[j] = 0.0;
    if (++count < WIDTH) continue;
    add_squares(count, weights, used, rows, width, hessian);
    count = 0;
  }
  add_squares(count, weights, used, rows, width, hessian);
}

/* Both triangles from the lower one; tile by tile, as both are too far apart for the cache. */
static void mirror(const double *lower, int width, int count, double *whole, int n) {
  for (int i0 = 0; i0 < count; i0 += WIDTH)
    for (int j0 = 0; j0 <= i0; j0 += WIDTH)
      for (int i = i0; i < i0 + WIDTH && i < count; i++)
        for (int j = j0; j < j0 + WIDTH && j <= i; j++)
          whole[(long)i * n + j] = whole[(long)j * n + i] = lower[(long)i * width + j];
}

/* Responses of the limited outputs, signed, to the columns of the QP's rows; tile by tile. */
static void put_rows(const Problem *q, const double *response, int n_moves, double *rows, int m) {
  for (int r0 = 0; r0 < q->n_rows; r0 += WIDTH) {
    int count = q->n_rows - r0 < WIDTH ? q->n_rows - r0 : WIDTH;
    const double *from[WIDTH];
    for (int i = 0; i < count; i++) {
      int r = r0 + i;
      from[i] = response + ((long)q->stage[r] * q->n_y + (long)q->cv[r]) * n_moves;
    }
    for (int j = 0; j < n_moves; j++)
      for (int i = 0; i < count; i++) rows[(long)j * m + r0 + i] = q->sign[r0 + i] * from[i][j];
  }
}

/* Hessian and rows, which limits and the plan do not change. */
static void write_matrices(const Problem *q, const double *response, int n_moves, double **res,
                           double *memory) {
  int n_u = q->n_u, n = n_moves + q->n_slacks, width = padded(n_moves);
  double *lower = res[7], *hessian = res[0];
  memset(lower, 0, (long)n_moves * width * sizeof(double));
  add_tracking(q, response, n_moves, lower, memory);
  mirror(lower, width, n_moves, hessian, n);
  for (int b = 0; b < q->n_blocks; b++)
    for (int j = 0; j < n_u; j++) {
      int i = b * n_u + j;
      hessian[(long)i * n + i] +=
          2.0 * (q->counts[b] * q->move[j] + q->shares[b] * q->resting[j] + q->levenberg[0]);
      if (b + 1 == q->n_blocks) continue;
      hessian[(long)i * n + i + n_u] -= 2.0 * q->move[j];
      hessian[(long)(i + n_u) * n + i] -= 2.0 * q->move[j];
    }
  for (int i = 0; i < q->n_slacks; i++)
    hessian[(long)(n_moves + i) * n + n_moves + i] = 2.0 * q->quadratic[i];
  put_rows(q, response, n_moves, res[2], q->n_rows + (q->n_blocks - 1) * q->n_rated);
}

/* Arguments: as in problem_of; blocks, outputs without bias when the blocks stay, their responses,
   the reach of a move and whether hessian and rows stay as they are.
   Results: hessian, gradient, rows, row_low, row_high, low, high; memory. */
static int write_qp_body(const double **arg, double **res, double *unused) {
  Problem q = problem_of(arg);
  const double *blocks = arg[4], *free = arg[5], *response = arg[6];
  int n_u = q.n_u, n_moves = q.n_blocks * n_u, width = padded(n_moves), whole = arg[7][1] == 0.0;
  double reach = arg[7][0], *slope = res[7] + (long)n_moves * width;
  (void)unused;
  memset(slope, 0, width * sizeof(double));
  add_slope(&q, free, response, n_moves, slope);
  if (whole) write_matrices(&q, response, n_moves, res, slope + width);
  for (int b = 0; b < q.n_blocks; b++)
    for (int j = 0; j < n_u; j++) {
      int i = b * n_u + j;
      double away = blocks[i] - q.rest[j], own = q.move[j] * move_of(&q, blocks, b, j);
      double low = q.low[i] - blocks[i], high = q.high[i] - blocks[i];
      own += q.shares[b] * q.resting[j] * away;
      if (b + 1 < q.n_blocks) own -= q.move[j] * move_of(&q, blocks, b + 1, j);
      res[1][i] = slope[i] + 2.0 * own;
      if (b == 0) low = q.first_low[j] - blocks[i], high = q.first_high[j] - blocks[i];
      res[5][i] = clipped(low, -reach, 0.0), res[6][i] = clipped(high, 0.0, reach);
    }
  for (int i = 0; i < q.n_slacks; i++) res[1][n_moves + i] = q.linear[i];
  for (int r = 0; r < q.n_rows; r++) res[4][r] = -outside(&q, free, q.bias, r);
  for (int b = 0, r = q.n_rows; b + 1 < q.n_blocks; b++)
    for (int i = 0; i < q.n_rated; i++, r++) {
      int j = (int)q.rated[i];
      double step = move_of(&q, blocks, b + 1, j), change = q.changes[b * n_u + j];
      int tied = change == 0.0; /* stays equal, to the last digit */
      res[3][r] = !tied && -change - step > 0.0 ? 0.0 : -change - step;
      res[4][r] = !tied && change - step < 0.0 ? 0.0 : change - step;
    }
  return 0;
}

/* The larger one; NaN once it is there. */
static double larger(double most, double value) {
  return value > most || value != value ? value : most;
}

/* Arguments: n, n_moves; hessian, gradient; solution x of the QP, of n numbers.
   Results: g'x + x'Hx / 2; the largest slope of Hx by the moves; that of the gradient; the largest
   move; the squares of all moves. */
static int qp_measure_body(const double **arg, double **res, double *unused) {
  int n = (int)arg[0][0], n_moves = (int)arg[0][1];
  const double *hessian = arg[1], *gradient = arg[2], *x = arg[3];
  double promised = 0.0, bent = 0.0, slope = 0.0, move = 0.0;
  (void)unused;
  for (int j = 0; j < n; j++) {
    double curved = dot_any(hessian + (long)j * n, x, n);
    promised += x[j] * (gradient[j] + 0.5 * curved);
    if (j >= n_moves) continue;
    bent = larger(bent, fabs(curved)), slope = larger(slope, fabs(gradient[j]));
    move = larger(move, fabs(x[j]));
  }
  res[0][0] = promised, res[0][1] = bent, res[0][2] = slope, res[0][3] = move;
  res[0][4] = dot_any(x, x, n_moves);
  return 0;
}
