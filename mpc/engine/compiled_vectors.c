/* Vectors of eight lanes in plain GNU C: gcc and clang map them to what the processor has.

   All lengths are multiples of eight: columns are padded with zeros. */
#include <math.h>
#include <string.h>

typedef double lanes __attribute__((vector_size(64), aligned(8), may_alias));
typedef long long marks __attribute__((vector_size(64)));
#define WIDTH 8

static int padded(int count) { return (count + WIDTH - 1) / WIDTH * WIDTH; }

static double sum_of(lanes v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

static double dot(const double *a, const double *b, int count) {
  lanes first = {0.0}, second = {0.0};
  int i = 0;
  for (; i + 2 * WIDTH <= count; i += 2 * WIDTH) {
    first += *(const lanes *)(a + i) * *(const lanes *)(b + i);
    second += *(const lanes *)(a + i + WIDTH) * *(const lanes *)(b + i + WIDTH);
  }
  if (i < count) first += *(const lanes *)(a + i) * *(const lanes *)(b + i);
  return sum_of(first + second);
}

/* y += factor x */
static void add(double *y, double factor, const double *x, int count) {
  for (int i = 0; i < count; i += WIDTH)
    *(lanes *)(y + i) += factor * *(const lanes *)(x + i);
}

/* Product of two vectors of any length. */
static double dot_any(const double *a, const double *b, int count) {
  int whole = count / WIDTH * WIDTH;
  double found = dot(a, b, whole);
  for (int i = whole; i < count; i++) found += a[i] * b[i];
  return found;
}

/* y += factor x, of any length. */
static void add_any(double *y, double factor, const double *x, int count) {
  int i = 0;
  for (; i + WIDTH <= count; i += WIDTH) *(lanes *)(y + i) += factor * *(const lanes *)(x + i);
  for (; i < count; i++) y[i] += factor * x[i];
}

/* Whether all numbers are finite; 0 * x is 0 for finite x only. The count need not be padded. */
static int all_finite(const double *x, long count) {
  lanes z0 = {0.0}, z1 = {0.0}, z2 = {0.0}, z3 = {0.0}; /* each addition waits for the one before */
  long i = 0;
  for (; i + 4 * WIDTH <= count; i += 4 * WIDTH) {
    z0 += 0.0 * *(const lanes *)(x + i), z1 += 0.0 * *(const lanes *)(x + i + WIDTH);
    z2 += 0.0 * *(const lanes *)(x + i + 2 * WIDTH);
    z3 += 0.0 * *(const lanes *)(x + i + 3 * WIDTH);
  }
  double rest = sum_of((z0 + z1) + (z2 + z3));
  for (; i < count; i++) rest += 0.0 * x[i];
  return rest == 0.0;
}

/* Whether any number is not zero; the count need not be padded. */
static int any_nonzero(const double *x, int count) {
  lanes zero = {0.0};
  marks found = {0};
  int i = 0;
  for (; i + WIDTH <= count; i += WIDTH) found |= *(const lanes *)(x + i) != zero;
  for (; i < count; i++) found[0] |= x[i] != 0.0;
  long long low = (found[0] | found[1]) | (found[2] | found[3]);
  return (low | (found[4] | found[5]) | (found[6] | found[7])) != 0;
}
