/* Reads the arguments of one step after the other as text and writes result and move; with any
   argument of its own also the processor's time of the step in microseconds. */
#include <stdio.h>
#include <time.h>

static int numbers(double *to, int count) {
  for (int i = 0; i < count; i++)
    if (scanf("%lf", to + i) != 1) return 0;
  return 1;
}

static double clock_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return 1e6 * (double)time.tv_sec + 1e-3 * (double)time.tv_nsec;
}

int main(int count, char **arguments) {
  double x[N_X + 1], u[N_U + 1], d[N_D + 1], y_wanted[N_PRED * N_Y + 1], u_wanted[N_U + 1];
  double bias[N_Y + 1], move[N_U + 1];
  (void)arguments;
  while (numbers(x, N_X) && numbers(u, N_U) && numbers(d, N_D) &&
         numbers(y_wanted, N_PRED * N_Y) && numbers(u_wanted, N_U) && numbers(bias, N_Y)) {
    double began_us = clock_us();
    MODEL(result) result = MODEL(step)(x, u, d, y_wanted, u_wanted, bias, move);
    double took_us = clock_us() - began_us;
    printf("%d", (int)result);
    for (int j = 0; result == MODEL_MOVE && j < N_U; j++) printf(" %.17g", move[j]);
    if (count > 1) printf(" %.3f", took_us);
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
