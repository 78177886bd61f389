#include "thalamus/route/training_set.h"

namespace thalamus::route {

ModelMeans model_means(const TrainingSet& data) {
  const std::size_t models = data.models.size();
  ModelMeans result{std::vector<double>(models, 0.0), std::vector<double>(models, 0.0)};
  double all = 0;
  double all_count = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (std::size_t m = 0; m < models; ++m) {
      if (!data.recorded(row, m)) continue;
      result.mean[m] += static_cast<double>(data.quality_of(row, m));
      result.count[m] += 1;
    }
  }
  for (std::size_t m = 0; m < models; ++m) {
    all += result.mean[m];
    all_count += result.count[m];
  }
  const double prior = all_count > 0 ? all / all_count : 0.5;
  for (std::size_t m = 0; m < models; ++m)
    result.mean[m] = result.count[m] > 0 ? result.mean[m] / result.count[m] : prior;
  return result;
}

}  // namespace thalamus::route
