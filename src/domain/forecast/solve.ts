/**
 * Solving (A + λI) w = b for a symmetric positive definite A: Cholesky, A + λI = L Lᵀ, then two triangular systems.
 *
 * Source: Golub and Van Loan, Matrix Computations, 4.2.  Cost: d³/6 multiplications, and d² a right side.
 * Errors: a pivot that is not positive (λ too small for what rounding left) is taken as a tiny one; its weight comes out near zero.
 */
const PIVOT_LEAST = 1e-12;

/** Lower triangle of A + λI in `factor`, row by row. */
export function cholesky(a: Float64Array, width: number, ridge: number, factor: Float64Array): void {
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = (a[i * width + j] as number) + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) sum -= (factor[i * width + k] as number) * (factor[j * width + k] as number);
      if (i === j) factor[i * width + i] = Math.sqrt(Math.max(sum, PIVOT_LEAST));
      else factor[i * width + j] = sum / (factor[j * width + j] as number);
    }
  }
}

/** `right` becomes w. */
export function solveCholesky(factor: Float64Array, width: number, right: Float64Array): void {
  for (let i = 0; i < width; i++) {
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) sum -= (factor[i * width + k] as number) * (right[k] as number);
    right[i] = sum / (factor[i * width + i] as number);
  }
  for (let i = width - 1; i >= 0; i--) {
    let sum = right[i] as number;
    for (let k = i + 1; k < width; k++) sum -= (factor[k * width + i] as number) * (right[k] as number);
    right[i] = sum / (factor[i * width + i] as number);
  }
}
