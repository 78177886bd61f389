/// The fitted features of one snapshot, side by side: one dense vector and at most one sparse vector.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thalamus/feature/feature.h"

namespace thalamus::feature {

inline constexpr std::size_t kFeaturesMax = 8;
inline constexpr std::size_t kDenseSizeMax = 16384;

/// "hash" or "hash:dims=128,buckets=4096" as users write it.
struct FeatureSpec {
  std::string name;
  base::OptionMap options;
};
[[nodiscard]] Result<FeatureSpec> parse_feature_spec(std::string_view text);

class FeatureSet {
 public:
  FeatureSet() = default;
  /// Fits each feature on the same texts. Names must be known and different; one sparse feature at most.
  [[nodiscard]] static Result<FeatureSet> fit(const std::vector<FeatureSpec>& specs, const DescriptionSource& source,
                                              const base::Rng& rng);
  [[nodiscard]] static Result<FeatureSet> load(base::ByteReader& in);
  void save(base::ByteWriter& out) const;

  /// `dense` is dense_size() long; `sparse` is cleared where no feature is sparse. Allocates nothing once reserved.
  void transform(const Description& description, std::span<float> dense, SparseVector& sparse) const noexcept;

  /// False where `transform` would wait for a slow feature, or let it stand in: `request` it first.
  [[nodiscard]] bool ready(const Description& description) const noexcept;
  /// Lets the slow features that are not ready compute in the background; `done` is called once, on another thread,
  /// when all of them have. False, and `done` is dropped, where none was asked.
  [[nodiscard]] bool request(const Description& description, std::function<void()> done) const;

  /// What all of them together read of a description.
  [[nodiscard]] Reads reads() const noexcept;
  [[nodiscard]] std::size_t dense_size() const noexcept { return dense_size_; }
  [[nodiscard]] std::size_t sparse_size() const noexcept;
  /// Where the dense block of a feature lies; {0, 0} if it is not here.
  struct Block {
    std::size_t offset = 0;
    std::size_t size = 0;
  };
  [[nodiscard]] Block block(std::string_view name) const noexcept;
  [[nodiscard]] std::vector<std::string> names() const;
  /// Of the kinds and their order, not of what was fitted.
  [[nodiscard]] std::uint64_t schema_hash() const noexcept;

 private:
  std::vector<std::shared_ptr<const Feature>> features_;
  std::size_t dense_size_ = 0;
};

}  // namespace thalamus::feature
