/* Condensing of stages that are maps: G[k+1] = A[k] G[k] + B[k] E[k], R[k] = C[k] G[k+1] + D[k] E[k].

   Matrices come by columns. All columns of G advance together, eight in a register. */

/* out += matrix times `columns`, where the matrix is n_rows x n_columns. */
static void multiply(int n_rows, int n_columns, const double *matrix, const double *columns,
                     int width, int used, double *out) {
  for (int i = 0; i < n_rows; i++)
    for (int j = 0; j < n_columns; j++) {
      double value = matrix[j * n_rows + i];
      if (value != 0.0) add(out + (long)i * width, value, columns + (long)j * width, padded(used));
    }
}

/* The part of one block in n_rows rows, and the finished rows to their place. */
static void enter_block(int n_rows, int n_u, const double *matrix, double *rows, int width, int first,
                  int n_columns, double *place) {
  for (int i = 0; i < n_rows; i++) {
    for (int j = 0; j < n_u; j++) rows[(long)i * width + first + j] += matrix[j * n_rows + i];
    memcpy(place + (long)i * n_columns, rows + (long)i * width, n_columns * sizeof(double));
  }
}

/* Arguments: n_pred, n_x, n_u, n_y, columns; first column of each stage; A, B, C, D of all stages.
   Results: responses of states and of outputs, memory. */
static int map_condense_body(const double **arg, double **res, double *unused) {
  int n_pred = (int)arg[0][0], n_x = (int)arg[0][1], n_u = (int)arg[0][2], n_y = (int)arg[0][3];
  int n_columns = (int)arg[0][4], width = padded(n_columns), used = 0;
  double *now = res[2], *next = now + (long)n_x * width, *y = next + (long)n_x * width;
  (void)unused;
  for (int k = 0; k < n_pred; k++) {
    int first = (int)arg[1][k];
    memset(next, 0, (long)n_x * width * sizeof(double));
    multiply(n_x, n_x, arg[2] + (long)k * n_x * n_x, now, width, used, next);
    enter_block(n_x, n_u, arg[3] + (long)k * n_u * n_x, next, width, first, n_columns,
          res[0] + (long)k * n_x * n_columns);
    used = first + n_u;
    memset(y, 0, (long)n_y * width * sizeof(double));
    multiply(n_y, n_x, arg[4] + (long)k * n_x * n_y, next, width, used, y);
    enter_block(n_y, n_u, arg[5] + (long)k * n_u * n_y, y, width, first, n_columns,
          res[1] + (long)k * n_y * n_columns);
    double *old = now;
    now = next, next = old;
  }
  return 0;
}
