/* A dense convex QP by a dual active-set method, started from a working set.

     min 1/2 x'Hx + g'x   with   row_low <= A x <= row_high,   low <= x <= high

   Goldfarb, Idnani, "A numerically stable dual method for solving strictly convex quadratic
   programs", Math. Program. 27 (1983) 1. The working set is held as the Cholesky factor of its
   Gram matrix in the metric of H. A start that has negative multipliers loses them first, so any
   set of constraints is a valid start. Variables behind the last coupled one ("tail": slacks) have
   a diagonal Hessian and cost no more than their own entries; one that stands at a bound is fixed:
   it belongs to the working set, but not to the Gram matrix, which ignores its column.

   Constraint c < n is the bound of variable c, constraint n + i is row i. A normal is taken with
   the sign of its side: sign * a'x <= limit. */

#define OPTIMAL 1
#define INFEASIBLE -1
#define ITERATION_LIMIT -4
#define NOT_CONVEX -5
#define NOT_FINITE -6
#define INACCURATE -7
#define NO_ROOM -8

#define PIVOT 1e-14      /* of its diagonal: below it a Hessian is not positive definite in doubles */
#define DEPENDENT 1e-11  /* squared sine of the angle to the working set: below it dependent */
#define VIOLATED 1e-9    /* relative to 1 + |limit|: above it a constraint enters */
#define STEP 1e-12       /* of a price per unit of the entering one: below it rounding */
#define ROUNDS 3         /* of looking again for violations after the last digits are in */
#define ACCURATE 1e-8    /* largest violation of the optimality conditions that is a solution */

typedef struct {
  int n, m, dense, width, tail, tail_width, limit, size, iterations;
  const double *hessian, *gradient, *rows, *row_low, *row_high, *low, *high;
  double *factor, *inverse_pivot, *inverse_root, *metric_gradient; /* of the Hessian */
  int *tail_start, *tail_column, *tail_row;                       /* rows' entries in the tail */
  double *tail_value, *tail_seen;
  int *member, *place;                                            /* working set */
  double *sign, *price, *raws, *normals, *gram;
  double *fixed, *fixed_price, *fixed_step;                       /* side of each tail variable */
  double *x, *rows_x, *raw, *normal, *direction, *tail_normal, *tail_direction, *step, *inner, *masked;
} Qp;

/* Room in `memory`, taken from the front; all arrays start at padded places. */
static double *taken(double **memory, long count) {
  double *here = *memory;
  *memory += (count + WIDTH - 1) / WIDTH * WIDTH;
  return here;
}

static long room(Qp *q, double *memory) {
  double *next = memory;
  long n = q->n, m = q->m, width = padded(q->n), square = n * width;
  q->factor = taken(&next, square), q->normals = taken(&next, square);
  q->gram = taken(&next, square), q->raws = taken(&next, square);
  double **vectors[] = {&q->inverse_pivot, &q->inverse_root, &q->metric_gradient, &q->sign,
                        &q->price, &q->x, &q->raw, &q->normal, &q->direction, &q->tail_normal,
                        &q->tail_direction, &q->step, &q->inner, &q->fixed, &q->fixed_price,
                        &q->fixed_step, &q->masked};
  for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++)
    *vectors[i] = taken(&next, width);
  q->rows_x = taken(&next, m);
  q->tail_value = taken(&next, m * n), q->tail_seen = taken(&next, m * n);
  q->tail_column = (int *)taken(&next, m * n), q->tail_row = (int *)taken(&next, m * n);
  q->tail_start = (int *)taken(&next, m + 1);
  q->member = (int *)taken(&next, n), q->place = (int *)taken(&next, n + m);
  return next - memory;
}

static double limit_of(const Qp *q, int c, double sign) {
  if (c < q->n) return sign > 0.0 ? q->high[c] : -q->low[c];
  return sign > 0.0 ? q->row_high[c - q->n] : -q->row_low[c - q->n];
}

static int is_equality(const Qp *q, int c) { return limit_of(q, c, 1.0) == -limit_of(q, c, -1.0); }

/* Number of leading variables that the Hessian couples. */
static int coupled(const Qp *q) {
  for (int i = q->n - 1; i > 0; i--)
    for (int j = 0; j < i; j++)
      if (q->hessian[(long)i * q->n + j] != 0.0) return i + 1;
  return 0;
}

static void collect_tail(Qp *q) {
  int found = 0;
  memset(q->tail_start, 0, (q->m + 1) * sizeof(int));
  for (int j = q->dense; j < q->n; j++)
    for (int i = 0; i < q->m; i++) {
      double value = q->rows[(long)j * q->m + i];
      if (value == 0.0) continue;
      q->tail_row[found] = i, q->tail_seen[found] = value;
      q->tail_column[found++] = j - q->dense;
      q->tail_start[i + 1]++;
    }
  for (int i = 0; i < q->m; i++) q->tail_start[i + 1] += q->tail_start[i];
  int *columns = q->tail_column + found; /* sorted by row behind the list by column */
  int *next = q->place;                  /* free until the working set is made */
  memcpy(next, q->tail_start, q->m * sizeof(int));
  for (int e = 0; e < found; e++) {
    int to = next[q->tail_row[e]]++;
    columns[to] = q->tail_column[e], q->tail_value[to] = q->tail_seen[e];
  }
  memmove(q->tail_column, columns, found * sizeof(int));
}

static int factorise_hessian(Qp *q) {
  int n = q->n, dense = q->dense, width = q->width;
  for (int j = 0; j < dense; j++) {
    double *column = q->factor + (long)j * width;
    int from = j / WIDTH * WIDTH;
    memset(column, 0, width * sizeof(double));
    memcpy(column + j, q->hessian + (long)j * n + j, (dense - j) * sizeof(double));
    for (int k = 0; k < j; k++) {
      const double *before = q->factor + (long)k * width;
      add(column + from, -before[j], before + from, width - from);
    }
    for (int i = from; i < j; i++) column[i] = 0.0;
    if (!(column[j] > PIVOT * q->hessian[(long)j * n + j])) return 0;
    double root = sqrt(column[j]);
    q->inverse_pivot[j] = 1.0 / root;
    for (int i = j; i < dense; i++) column[i] *= q->inverse_pivot[j];
  }
  for (int s = 0; s < q->tail; s++) {
    double diagonal = q->hessian[(long)(dense + s) * n + dense + s];
    if (!(diagonal > 0.0)) return 0;
    q->inverse_root[s] = 1.0 / sqrt(diagonal);
  }
  return 1;
}

/* v = L^-1 v for the dense part, from entry `first` on. */
static void forward(const Qp *q, double *v, int first) {
  for (int j = first; j < q->dense; j++) {
    const double *column = q->factor + (long)j * q->width;
    double value = v[j] * q->inverse_pivot[j];
    int from = j / WIDTH * WIDTH;
    add(v + from, -value, column + from, q->width - from);
    v[j] = value;
  }
}

/* v = L^-T v for the dense part; entries behind it are zero. */
static void backward(const Qp *q, double *v) {
  for (int j = q->dense - 1; j >= 0; j--) {
    const double *column = q->factor + (long)j * q->width;
    int from = j / WIDTH * WIDTH;
    double own = v[j];
    v[j] = 0.0;
    double rest = dot(column + from, v + from, q->width - from);
    v[j] = (own - rest) * q->inverse_pivot[j];
  }
}

/* tail += factor * a_c (signed by the caller), in the metric of H. */
static void add_tail(const Qp *q, double *tail, double factor, int c) {
  if (c < q->n) {
    if (c >= q->dense) tail[c - q->dense] += factor * q->inverse_root[c - q->dense];
    return;
  }
  for (int e = q->tail_start[c - q->n]; e < q->tail_start[c - q->n + 1]; e++)
    tail[q->tail_column[e]] += factor * q->tail_value[e] * q->inverse_root[q->tail_column[e]];
}

static double dot_tail(const Qp *q, const double *tail, int c) {
  double found = 0.0;
  if (c < q->n) return c < q->dense ? 0.0 : tail[c - q->dense] * q->inverse_root[c - q->dense];
  for (int e = q->tail_start[c - q->n]; e < q->tail_start[c - q->n + 1]; e++)
    found += tail[q->tail_column[e]] * q->tail_value[e] * q->inverse_root[q->tail_column[e]];
  return found;
}

/* The signed normal: as it is (`raw`), and in the metric of H (`normal`, `tail_normal`). */
static void make_normal(Qp *q, int c, double sign) {
  memset(q->raw, 0, q->width * sizeof(double));
  memset(q->tail_normal, 0, q->tail_width * sizeof(double));
  add_tail(q, q->tail_normal, sign, c);
  if (c >= q->n)
    for (int j = 0; j < q->dense; j++) q->raw[j] = sign * q->rows[(long)j * q->m + c - q->n];
  else if (c < q->dense)
    q->raw[c] = sign;
  memcpy(q->normal, q->raw, q->width * sizeof(double));
  forward(q, q->normal, c < q->dense ? c : 0);
}

static double *gram_column(const Qp *q, int k) { return q->gram + (long)k * padded(q->n); }

/* v = R^-T v, where R'R is the Gram matrix; v is padded with zeros. */
static void gram_forward(const Qp *q, double *v) {
  for (int k = 0; k < q->size; k++) {
    const double *column = gram_column(q, k);
    double own = v[k];
    v[k] = 0.0; /* what stands behind entry k is not yet divided: the column is zero there */
    v[k] = (own - dot(column, v, padded(k + 1))) / column[k];
  }
}

static void gram_backward(const Qp *q, double *v) {
  for (int k = q->size - 1; k >= 0; k--) {
    const double *column = gram_column(q, k);
    double value = v[k] / column[k];
    add(v, -value, column, padded(k + 1));
    v[k] = value;
  }
}

/* Products of a vector in the metric of H with all normals of the working set. */
static void products(const Qp *q, const double *v, const double *tail, double *out) {
  memset(out, 0, padded(q->n) * sizeof(double));
  for (int k = 0; k < q->size; k++)
    out[k] = dot(q->normals + (long)k * q->width, v, q->width) +
             q->sign[k] * dot_tail(q, tail, q->member[k]);
}

/* v += factor times the sum of amounts times normals. */
static void add_normals(const Qp *q, double factor, const double *amounts, double *v,
                        double *tail) {
  for (int k = 0; k < q->size; k++) {
    add(v, factor * amounts[k], q->normals + (long)k * q->width, q->width);
    add_tail(q, tail, factor * amounts[k] * q->sign[k], q->member[k]);
  }
}

/* Copy a tail without its fixed variables. */
static void mask(Qp *q, const double *tail) {
  memset(q->masked, 0, q->tail_width * sizeof(double));
  for (int s = 0; s < q->tail; s++)
    if (q->fixed[s] == 0.0) q->masked[s] = tail[s];
}

/* Project the made normal on the working set: `inner` gets R^-T times its products, `step` how much
   of each member it holds, `direction` and `tail_direction` what is left. Returns the squared
   length of that, or 0 where the constraint depends on the working set; `fixed_step` is the part
   of `step` that belongs to fixed variables. */
static double project(Qp *q) {
  mask(q, q->tail_normal);
  products(q, q->normal, q->masked, q->inner);
  gram_forward(q, q->inner);
  memcpy(q->step, q->inner, padded(q->n) * sizeof(double));
  gram_backward(q, q->step);
  memcpy(q->direction, q->normal, q->width * sizeof(double));
  memcpy(q->tail_direction, q->tail_normal, q->tail_width * sizeof(double));
  add_normals(q, -1.0, q->step, q->direction, q->tail_direction);
  for (int s = 0; s < q->tail; s++) {
    if (q->fixed[s] == 0.0) continue;
    q->fixed_step[s] = q->fixed[s] * q->tail_direction[s] / q->inverse_root[s];
    q->tail_direction[s] = 0.0;
  }
  double left = dot(q->direction, q->direction, q->width) +
                dot(q->tail_direction, q->tail_direction, q->tail_width);
  double whole = dot(q->normal, q->normal, q->width) +
                 dot(q->tail_normal, q->tail_normal, q->tail_width);
  return q->size < q->n && left > DEPENDENT * whole ? left : 0.0;
}

/* Append the constraint that was projected last. */
static void append(Qp *q, int c, double sign, double price, double left) {
  int k = q->size++;
  double *column = gram_column(q, k);
  memset(column, 0, padded(q->n) * sizeof(double));
  memcpy(column, q->inner, k * sizeof(double));
  column[k] = sqrt(left);
  memcpy(q->raws + (long)k * q->width, q->raw, q->width * sizeof(double));
  memcpy(q->normals + (long)k * q->width, q->normal, q->width * sizeof(double));
  q->member[k] = c, q->sign[k] = sign, q->price[k] = price, q->place[c] = k + 1;
}

static void move_member(Qp *q, int from, int to) {
  memcpy(q->raws + (long)to * q->width, q->raws + (long)from * q->width,
         q->width * sizeof(double));
  memcpy(q->normals + (long)to * q->width, q->normals + (long)from * q->width,
         q->width * sizeof(double));
  q->member[to] = q->member[from], q->sign[to] = q->sign[from], q->price[to] = q->price[from];
  q->place[q->member[to]] = to + 1;
}

static void drop(Qp *q, int gone) {
  q->place[q->member[gone]] = 0;
  q->size--;
  for (int k = gone; k < q->size; k++) {
    memcpy(gram_column(q, k), gram_column(q, k + 1), (k + 2) * sizeof(double));
    move_member(q, k + 1, k);
  }
  for (int k = gone; k < q->size; k++) { /* turn the entries below the diagonal away */
    double *own = gram_column(q, k);
    double length = hypot(own[k], own[k + 1]), cosine = own[k] / length, sine = own[k + 1] / length;
    own[k] = length, own[k + 1] = 0.0;
    for (int j = k + 1; j < q->size; j++) {
      double *column = gram_column(q, j), upper = column[k], lower = column[k + 1];
      column[k] = cosine * upper + sine * lower;
      column[k + 1] = cosine * lower - sine * upper;
    }
  }
}

/* Factorise the Gram matrix anew, as the fixed variables have changed; members that depend on
   others leave. Returns how many did. */
static int rebuild(Qp *q) {
  int size = q->size, left_out = 0;
  q->size = 0;
  for (int k = 0; k < size; k++) {
    double price = q->price[k];
    int c = q->member[k];
    memcpy(q->raw, q->raws + (long)k * q->width, q->width * sizeof(double));
    memcpy(q->normal, q->normals + (long)k * q->width, q->width * sizeof(double));
    memset(q->tail_normal, 0, q->tail_width * sizeof(double));
    add_tail(q, q->tail_normal, q->sign[k], c);
    double left = project(q);
    q->place[c] = 0;
    if (left > 0.0) append(q, c, q->sign[k], price, left);
    else left_out++;
  }
  return left_out;
}

static int is_tail_bound(const Qp *q, int c) { return c >= q->dense && c < q->n; }

/* Take the bound of a tail variable into the working set, or out of it with sign 0. */
static void fix(Qp *q, int c, double sign, double price) {
  q->fixed[c - q->dense] = sign, q->fixed_price[c - q->dense] = price;
  q->place[c] = sign != 0.0;
}

/* Values of the rows at x. */
static void evaluate_rows(Qp *q) {
  memset(q->rows_x, 0, padded(q->m) * sizeof(double));
  for (int j = 0; j < q->dense; j++) {
    const double *column = q->rows + (long)j * q->m;
    double value = q->x[j];
    int i = 0;
    for (; i + WIDTH <= q->m; i += WIDTH)
      *(lanes *)(q->rows_x + i) += value * *(const lanes *)(column + i);
    for (; i < q->m; i++) q->rows_x[i] += value * column[i];
  }
  for (int i = 0; i < q->m; i++)
    for (int e = q->tail_start[i]; e < q->tail_start[i + 1]; e++)
      q->rows_x[i] += q->tail_value[e] * q->x[q->dense + q->tail_column[e]];
}

/* Prices of the bounds that fix tail variables: what the others leave of the slope. */
static void price_fixed(Qp *q) {
  double *slope = q->masked;
  for (int s = 0; s < q->tail; s++) {
    int j = q->dense + s;
    slope[s] = q->hessian[(long)j * q->n + j] * q->x[j] + q->gradient[j];
  }
  for (int k = 0; k < q->size; k++) {
    int c = q->member[k], row = c - q->n;
    double price = q->price[k] * q->sign[k];
    for (int e = row < 0 ? 0 : q->tail_start[row]; e < (row < 0 ? 0 : q->tail_start[row + 1]); e++)
      slope[q->tail_column[e]] += price * q->tail_value[e];
  }
  for (int s = 0; s < q->tail; s++)
    if (q->fixed[s] != 0.0) q->fixed_price[s] = -q->fixed[s] * slope[s];
}

/* One Newton step on the optimality conditions of the working set; from zero it is the solution,
   from there it removes rounding. Returns the size of the residual before. */
static double polish(Qp *q) {
  int n = q->n, dense = q->dense;
  double *slope = q->step, *dense_part = q->normal, *tail = q->tail_normal, worst = 0.0;
  memset(slope, 0, padded(n) * sizeof(double));
  memset(dense_part, 0, q->width * sizeof(double));
  memset(tail, 0, q->tail_width * sizeof(double));
  for (int j = 0; j < dense; j++) {
    const double *column = q->hessian + (long)j * n;
    for (int i = 0; i < dense; i++) slope[i] += q->x[j] * column[i];
  }
  for (int j = dense; j < n; j++) slope[j] = q->hessian[(long)j * n + j] * q->x[j];
  for (int j = 0; j < n; j++) slope[j] += q->gradient[j];
  for (int k = 0; k < q->size; k++) {
    int c = q->member[k], row = c - n;
    double price = q->price[k] * q->sign[k];
    if (row < 0) {
      slope[c] += price;
      continue;
    }
    add(slope, q->price[k], q->raws + (long)k * q->width, q->width);
    for (int e = q->tail_start[row]; e < q->tail_start[row + 1]; e++)
      slope[dense + q->tail_column[e]] += price * q->tail_value[e];
  }
  for (int s = 0; s < q->tail; s++)
    if (q->fixed[s] != 0.0) slope[dense + s] = 0.0; /* the price of its bound, see below */
  for (int j = 0; j < n; j++) worst = fmax(worst, fabs(slope[j]));
  memcpy(dense_part, slope, dense * sizeof(double));
  forward(q, dense_part, 0);
  for (int s = 0; s < q->tail; s++) tail[s] = slope[dense + s] * q->inverse_root[s];
  products(q, dense_part, tail, q->inner);
  for (int k = 0; k < q->size; k++) {
    int c = q->member[k];
    double value = q->sign[k] * (c < n ? q->x[c] : q->rows_x[c - n]);
    q->inner[k] = value - limit_of(q, c, q->sign[k]) - q->inner[k];
  }
  gram_forward(q, q->inner);
  gram_backward(q, q->inner);
  for (int k = 0; k < q->size; k++) q->price[k] += q->inner[k];
  add_normals(q, 1.0, q->inner, dense_part, tail);
  backward(q, dense_part);
  for (int j = 0; j < dense; j++) q->x[j] -= dense_part[j];
  for (int s = 0; s < q->tail; s++)
    if (q->fixed[s] == 0.0) q->x[dense + s] -= tail[s] * q->inverse_root[s];
  price_fixed(q);
  evaluate_rows(q);
  return worst;
}

static double solve_on_working_set(Qp *q) {
  memset(q->x, 0, padded(q->n) * sizeof(double));
  memset(q->price, 0, padded(q->n) * sizeof(double));
  for (int s = 0; s < q->tail; s++)
    if (q->fixed[s] != 0.0) q->x[q->dense + s] = q->fixed[s] * limit_of(q, q->dense + s, q->fixed[s]);
  evaluate_rows(q);
  return polish(q);
}
