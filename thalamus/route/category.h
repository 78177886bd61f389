/// The category of a request: a recognised task, or a cluster; category 0 is "general", for requests that are not
/// recognised with enough confidence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/route/clusters.h"
#include "thalamus/route/router.h"

namespace thalamus::route {

inline constexpr std::size_t kCategoriesMax = 64;  ///< without "general"; rarer tasks have no category of their own

class CategoryRouter {
 public:
  struct Options {
    bool tasks = true;              ///< recognise tasks; clusters otherwise, and where there are not two tasks
    std::size_t clusters = 16;      ///< at most kCategoriesMax
    double uncertain_share = 0.05;  ///< of held-out rows whose confidence is to be too low
  };
  struct Fitted;
  [[nodiscard]] static Result<Fitted> fit(const TrainingSet& data, const Options& options, base::Rng& rng);
  [[nodiscard]] static Result<CategoryRouter> load(base::ByteReader& in, std::size_t dense_size, std::string_view what);
  void save(base::ByteWriter& out) const;

  /// "general" and the others.
  [[nodiscard]] std::size_t count() const noexcept;
  [[nodiscard]] std::size_t dense_size() const noexcept { return size_; }
  /// Reads the features alone.
  [[nodiscard]] std::size_t recognise(std::span<const float> dense) const noexcept;
  /// The caller's hint where it names a known task; what is recognised otherwise.
  [[nodiscard]] std::size_t category_of(const FeatureView& request) const noexcept;

 private:
  friend struct CategoryFit;
  struct Guess {
    std::size_t category;
    double confidence;
  };
  [[nodiscard]] Guess guess(std::span<const float> dense) const noexcept;

  std::size_t size_ = 0;
  Clusters clusters_;                 ///< empty where tasks are recognised
  std::vector<float> weights_;        ///< tasks x size
  std::vector<float> bias_;           ///< one per task
  std::vector<std::uint64_t> names_;  ///< hash64 of each task's name
  double sharpness_ = 1;              ///< softmax over the tasks' scores
  double confidence_min_ = 0;
};

struct CategoryRouter::Fitted {
  CategoryRouter router;
  std::vector<std::uint32_t> category;  ///< of each row, by a router that was not fitted on it
};

}  // namespace thalamus::route
