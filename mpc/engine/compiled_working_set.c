/* The working set of `compiled_qp_data.c`: its Gram matrix in the metric of H, projections on it,
   members that come and go, and the point that it determines. */

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

static double squared_length(const Qp *q, const double *v, const double *tail) {
  return dot(v, v, q->width) + dot(tail, tail, q->tail_width);
}

/* Squared length of what the working set leaves of the made normal, taken from what it holds
   (`inner`): enough for a normal that is far from depending on it. Returns -1 for others. */
static double clearly_left(Qp *q) {
  mask(q, q->tail_normal);
  products(q, q->normal, q->masked, q->inner);
  gram_forward(q, q->inner);
  double whole = squared_length(q, q->normal, q->masked);
  double left = whole - dot(q->inner, q->inner, padded(q->size));
  return q->size < q->n && left > CLEAR * whole ? left : -1.0;
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
  double left = squared_length(q, q->direction, q->tail_direction);
  double whole = squared_length(q, q->normal, q->tail_normal);
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

/* Take the made normal into the working set unless it depends on it. Returns whether it does not. */
static int enter(Qp *q, int c, double sign, double price) {
  double left = clearly_left(q);
  if (left < 0.0) left = project(q);
  if (left > 0.0) append(q, c, sign, price, left);
  return left > 0.0;
}

/* Factorise the Gram matrix anew; members that depend on others leave. Returns how many did. */
static int rebuild(Qp *q) {
  int size = q->size, left_out = 0;
  q->size = 0, q->turns = 0;
  for (int k = 0; k < size; k++) {
    double price = q->price[k];
    int c = q->member[k];
    memcpy(q->raw, q->raws + (long)k * q->width, q->width * sizeof(double));
    memcpy(q->normal, q->normals + (long)k * q->width, q->width * sizeof(double));
    memset(q->tail_normal, 0, q->tail_width * sizeof(double));
    add_tail(q, q->tail_normal, q->sign[k], c);
    q->place[c] = 0;
    left_out += !enter(q, c, q->sign[k], price);
  }
  return left_out;
}

/* Entries of the members in one tail variable, in the metric of H: their square is its part of the
   Gram matrix. Returns the first member that has one. */
static int tail_entries(const Qp *q, int s, double *v) {
  int first = q->size;
  for (int k = q->size - 1; k >= 0; k--) {
    int row = q->member[k] - q->n;
    v[k] = 0.0;
    for (int e = row < 0 ? 0 : q->tail_start[row]; e < (row < 0 ? 0 : q->tail_start[row + 1]); e++)
      if (q->tail_column[e] == s) v[k] += q->sign[k] * q->tail_value[e] * q->inverse_root[s];
    if (v[k] != 0.0) first = k;
  }
  return first;
}

/* Turn R by the plane of row k and `v`, from column `from` on. */
static void turn(const Qp *q, int k, int from, double cosine, double sine, double *v) {
  for (int j = from; j < q->size; j++) {
    double *entry = gram_column(q, j) + k, own = *entry;
    *entry = cosine * own + sine * v[j];
    v[j] = cosine * v[j] - sine * own;
  }
}

/* A tail variable is fixed no longer: R'R gains the square of its entries.
   Source of both: Golub, Van Loan, "Matrix computations", 4th ed. (2013), section 6.5. */
static void gain_tail(Qp *q, int s) {
  double *v = q->inner;
  for (int k = tail_entries(q, s, v); k < q->size; k++) {
    double own = gram_column(q, k)[k], length = hypot(own, v[k]);
    if (v[k] != 0.0) turn(q, k, k, own / length, v[k] / length, v);
  }
  q->turns++;
}

/* A tail variable is fixed: R'R loses the square of its entries. Returns whether the members now
   depend on each other, or nearly so: then R has to be made anew. */
static int lose_tail(Qp *q, int s) {
  double *v = q->inner, *part = q->step;
  int first = tail_entries(q, s, v);
  memset(part, 0, padded(q->n) * sizeof(double));
  memcpy(part, v, q->size * sizeof(double));
  gram_forward(q, part);
  double left = 1.0 - dot(part, part, padded(q->size));
  if (!(left > CLEAR)) return 1;
  double rest = sqrt(left);
  memset(v, 0, padded(q->n) * sizeof(double));
  for (int k = q->size - 1; k >= first; k--) {
    double length = hypot(rest, part[k]), cosine = rest / length, sine = part[k] / length;
    if (part[k] != 0.0) turn(q, k, k, cosine, -sine, v);
    rest = length;
  }
  q->turns++;
  return 0;
}

static int is_tail_bound(const Qp *q, int c) { return c >= q->dense && c < q->n; }

/* Take the bound of a tail variable into the working set, or out of it with sign 0. */
static void fix(Qp *q, int c, double sign, double price) {
  q->fixed[c - q->dense] = sign, q->fixed_price[c - q->dense] = price;
  q->place[c] = sign != 0.0;
}

/* Values of the rows at x: four registers of them at a time. */
static void evaluate_rows(Qp *q) {
  int i = 0;
  for (; i + 4 * WIDTH <= q->m; i += 4 * WIDTH) {
    lanes v0 = {0.0}, v1 = {0.0}, v2 = {0.0}, v3 = {0.0};
    const double *column = q->rows + i;
    for (int j = 0; j < q->dense; j++, column += q->m) {
      const lanes *row = (const lanes *)column;
      v0 += q->x[j] * row[0], v1 += q->x[j] * row[1];
      v2 += q->x[j] * row[2], v3 += q->x[j] * row[3];
    }
    lanes *to = (lanes *)(q->rows_x + i);
    to[0] = v0, to[1] = v1, to[2] = v2, to[3] = v3;
  }
  memset(q->rows_x + i, 0, (padded(q->m) - i) * sizeof(double));
  for (int j = 0; j < q->dense; j++)
    add_any(q->rows_x + i, q->x[j], q->rows + (long)j * q->m + i, q->m - i);
  for (i = 0; i < q->m; i++)
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
   from there it removes rounding. Returns the residual before, the largest of slopes and limits. */
static double polish(Qp *q) {
  int n = q->n, dense = q->dense;
  double *slope = q->step, *dense_part = q->normal, *tail = q->tail_normal, worst = 0.0;
  memset(slope, 0, padded(n) * sizeof(double));
  memset(dense_part, 0, q->width * sizeof(double));
  memset(tail, 0, q->tail_width * sizeof(double));
  for (int j = 0; j < dense; j++) add_any(slope, q->x[j], q->hessian + (long)j * n, dense);
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
    double gap = value - limit_of(q, c, q->sign[k]);
    worst = fmax(worst, fabs(gap));
    q->inner[k] = gap - q->inner[k];
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
  for (int s = 0; s < q->tail; s++) {
    int c = q->dense + s;
    if (q->fixed[s] != 0.0) q->x[c] = q->fixed[s] * limit_of(q, c, q->fixed[s]);
  }
  evaluate_rows(q);
  return polish(q);
}
