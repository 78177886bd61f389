/// Eigenvalues and eigenvectors of a small symmetric matrix, by cyclic Jacobi rotations (Golub and Van Loan, Matrix
/// Computations, 8.5). A few sweeps of O(n^3); the result depends on the matrix alone.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace thalamus::math {

struct SymmetricEigen {
  std::vector<double> values;   ///< descending
  std::vector<double> vectors;  ///< row i is the unit eigenvector of values[i]; its largest entry is positive
};

/// `matrix` is size x size, row-major; only its upper triangle is read.
[[nodiscard]] SymmetricEigen decompose_symmetric(std::span<const double> matrix, std::size_t size);

}  // namespace thalamus::math
